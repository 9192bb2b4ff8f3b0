/**
 * Which microphone, which speaker, and what the browser does with the sound: the lists and switches, and what is
 * remembered of them.
 */

import { element, recall, remember } from '../dom';
import { ANY, type Processing, type Wanted } from './microphone';

export interface SettingsEvents {
  onMicrophone(wanted: Wanted): void;
  onProcessing(processing: Processing): void;
  onSpeaker(id: string): void;
  onDuck(): void;
}

/** Shown where the browser lists speakers only after its own dialogue. */
const ASK = 'ask';

interface Outputs {
  selectAudioOutput?: () => Promise<MediaDeviceInfo>;
}

export class Settings {
  private readonly box = element('audio-settings');
  private readonly microphones = element<HTMLSelectElement>('mic');
  private readonly speakers = element<HTMLSelectElement>('speaker');
  private readonly switches = {
    echoCancellation: element<HTMLInputElement>('mic-echo'),
    noiseSuppression: element<HTMLInputElement>('mic-noise'),
    autoGainControl: element<HTMLInputElement>('mic-gain'),
  };
  private readonly duck = element<HTMLInputElement>('duck');
  private readonly canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;
  microphone: Wanted = readWanted(recall('mic'));
  speaker: Wanted = readWanted(recall('speaker'));

  constructor(private readonly events: SettingsEvents) {
    for (const [name, box] of Object.entries({ ...this.switches, duck: this.duck })) {
      box.checked = recall(name) !== 'off';
      box.onchange = () => {
        remember(name, box.checked ? 'on' : 'off');
        this.showDuck();
        if (box !== this.duck) this.events.onProcessing(this.processing);
        this.events.onDuck();
      };
    }
    this.microphones.onchange = () => {
      this.microphone = chosen(this.microphones);
      remember('mic', JSON.stringify(this.microphone));
      this.events.onMicrophone(this.microphone);
    };
    this.speakers.onchange = () => void this.chooseSpeaker();
    this.showDuck();
  }

  get processing(): Processing {
    const { echoCancellation, noiseSuppression, autoGainControl } = this.switches;
    return { echoCancellation: echoCancellation.checked, noiseSuppression: noiseSuppression.checked, autoGainControl: autoGainControl.checked };
  }

  /** Where the echo is not cancelled, what the bench hears of its own sound is kept low otherwise. */
  get ducks(): boolean {
    return this.duck.checked && !this.switches.echoCancellation.checked;
  }

  /** `inUse`: the microphone that is open. */
  show(devices: MediaDeviceInfo[], inUse: MediaStreamTrack | null, isShown: boolean): void {
    this.box.hidden = !isShown;
    fill(this.microphones, 'Default microphone', listed(devices, 'audioinput'), this.microphone, inUse);
    const outputs = listed(devices, 'audiooutput');
    const canAsk = 'selectAudioOutput' in navigator.mediaDevices;
    const hasSpeakers = this.canChooseSpeaker && (outputs.length > 0 || canAsk);
    this.speakers.hidden = element('speaker-box').hidden = !hasSpeakers;
    if (!hasSpeakers) return;
    fill(this.speakers, 'Default speaker', outputs, this.speaker, null);
    if (canAsk && this.speakers.querySelector(`[value="${ASK}"]`) === null) this.speakers.add(new Option('Another one …', ASK));
    // A speaker that is back has its sound back.
    this.events.onSpeaker(find(outputs, this.speaker)?.deviceId ?? '');
  }

  private async chooseSpeaker(): Promise<void> {
    if (this.speakers.value === ASK) {
      const before = this.speaker;
      try {
        const { deviceId, label } = await (navigator.mediaDevices as Outputs).selectAudioOutput!();
        this.speaker = { id: deviceId, label };
        if (this.speakers.querySelector(`[value="${CSS.escape(deviceId)}"]`) === null) this.speakers.add(new Option(label, deviceId), 1);
      } catch {
        // The person closed the dialogue.
        this.speaker = before;
      }
      this.speakers.value = this.speaker.id;
    } else {
      this.speaker = chosen(this.speakers);
    }
    remember('speaker', JSON.stringify(this.speaker));
    this.events.onSpeaker(this.speaker.id);
  }

  private showDuck(): void {
    element('duck-box').hidden = this.switches.echoCancellation.checked;
  }
}

/** Those that a person can tell apart: without permission browsers say only that there are some. */
function listed(devices: MediaDeviceInfo[], kind: MediaDeviceKind): MediaDeviceInfo[] {
  return devices.filter((device) => device.kind === kind && device.deviceId !== '' && device.deviceId !== 'default' && device.label !== '');
}

function find(devices: MediaDeviceInfo[], { id, label }: Wanted): MediaDeviceInfo | null {
  return devices.find(({ deviceId }) => deviceId === id) ?? devices.find((device) => label !== '' && device.label === label) ?? null;
}

function chosen(select: HTMLSelectElement): Wanted {
  const [option] = select.selectedOptions;
  return select.value === '' ? ANY : { id: select.value, label: option?.dataset['label'] ?? '' };
}

/** The default, what is there, and what was chosen and is not there. */
function fill(select: HTMLSelectElement, standard: string, devices: MediaDeviceInfo[], wanted: Wanted, inUse: MediaStreamTrack | null): void {
  const found = find(devices, wanted);
  const entries: [value: string, label: string, text: string][] = devices.map(({ deviceId, label }) => [deviceId, label, label]);
  // Which one that is, a person wants to know.
  const suffix = wanted.id === '' && inUse !== null && inUse.label !== '' ? ` (${inUse.label.replace(/^Default - /, '')})` : '';
  entries.unshift(['', '', standard + suffix]);
  if (wanted.id !== '' && found === null) entries.push([wanted.id, wanted.label, `${wanted.label || 'The one chosen'} (not there)`]);
  const value = wanted.id === '' ? '' : (found?.deviceId ?? wanted.id);
  const text = JSON.stringify(entries);
  // A list that a person has open is left alone as long as it says the same.
  if (select.dataset['entries'] !== text) {
    select.dataset['entries'] = text;
    select.replaceChildren(
      ...entries.map(([id, label, words]) => {
        const option = new Option(words, id);
        option.dataset['label'] = label;
        return option;
      }),
    );
  }
  if (select.value !== value) select.value = value;
}

function readWanted(text: string | null): Wanted {
  try {
    const { id, label } = JSON.parse(text ?? '{}') as Record<string, unknown>;
    return typeof id === 'string' && typeof label === 'string' ? { id, label } : ANY;
  } catch {
    return ANY;
  }
}
