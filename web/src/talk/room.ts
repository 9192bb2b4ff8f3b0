/**
 * The page's part for talking: the button that is held, what stands beside it, and the way of the microphone's sound to
 * the bench.
 */

import type { Connection } from '../connection';
import { element, make } from '../dom';
import { makeHold, type Hold } from '../instruments/hold';
import type { Sound } from '../sound';
import { Elsewhere } from './elsewhere';
import { Levels, type Loudness } from './levels';
import { Microphone } from './microphone';
import { Settings } from './settings';
import { Talker } from './talker';
import { LABELS, view, type Situation } from './words';

/** For tests and scripts. Levels in dBFS; null where nothing is measured. */
export interface AudioReport {
  state: string;
  /** The bench hears this page. */
  talking: boolean;
  /** Sound of the microphone goes out. */
  sending: boolean;
  microphone: string | null;
  level: { mic: number | null; sound: number | null };
}

const SILENCE = -120;

export class TalkRoom {
  private readonly box = element('voice');
  private readonly button = element<HTMLButtonElement>('talk');
  private readonly handsFree = element<HTMLButtonElement>('hands-free');
  private readonly mute = element<HTMLButtonElement>('mic-mute');
  private readonly note = element('talk-note');
  private readonly keys = element('talk-key');
  private readonly levels = new Levels(element('mic-level'), element('sound-level'));
  private readonly talker: Talker;
  private readonly settings: Settings;
  private readonly elsewhere: Elsewhere;
  private readonly hold: Hold;
  /** Null: the browser lends this page none. */
  private readonly microphone: Microphone | null;
  private readonly access: Situation['access'];
  private connection: Connection | null = null;
  /** Where the microphone's sound goes. */
  private sender: RTCRtpSender | null = null;
  private link: string | null = null;
  private readonly ticked = new Set<string>();

  constructor(private readonly sound: Sound) {
    // Its types say that it is always there; to pages from http it is not.
    const media = navigator.mediaDevices as MediaDevices | undefined;
    this.access = media !== undefined ? 'granted' : isSecureContext ? 'missing' : 'insecure';
    this.talker = new Talker({
      tell: (on, transmit) => this.connection?.talk(on, transmit),
      send: (isSending) => this.attach(isSending ? (this.microphone?.track ?? null) : null),
      openMicrophone: () => void this.microphone?.open(),
      closeMicrophone: () => this.microphone?.close(),
      onChange: () => this.render(),
    });
    this.settings = new Settings({
      onMicrophone: (wanted) => void this.microphone?.choose(wanted),
      onProcessing: (processing) => void this.microphone?.process(processing),
      onSpeaker: (id) => this.sound.useSpeaker(id),
      onDuck: () => this.render(),
    });
    this.microphone =
      media === undefined
        ? null
        : new Microphone(media, this.settings.microphone, this.settings.processing, {
            onState: (state) => this.talker.setMicrophone(state),
            onTrack: (track) => {
              this.levels.setMicrophone(track);
              if (this.talker.isSending) this.attach(track);
            },
            onChange: () => this.render(),
          });
    this.elsewhere = new Elsewhere((sentence) => this.say(sentence, true));
    this.hold = makeHold(this.button, { press: () => this.talker.press(), release: () => this.talker.release() });
    this.hold.alsoBy(' ');
    this.handsFree.onclick = () => this.talker.setHandsFree(!this.talker.isHandsFree);
    this.mute.onclick = () => this.talker.setMuted(!this.talker.isMuted);
    // In full screen nothing else of the page is there.
    const home = this.box.nextElementSibling;
    document.addEventListener('fullscreenchange', () => {
      const stage = document.fullscreenElement;
      if (stage === null) home?.before(this.box);
      else stage.append(this.box);
    });
    void this.microphone?.look();
    this.render();
  }

  /** Null: nothing runs, or it is silent. */
  show(connection: Connection | null): void {
    if (connection !== this.connection) {
      // What was told to one connection is over with it.
      this.talker.setBench(null, false);
      this.sender = null;
    }
    this.connection = connection;
    this.sender = connection?.microphoneSender ?? null;
    this.showKeys();
    this.talker.setBench(connection?.desk.talk ?? null, this.sender !== null && this.microphone !== null);
  }

  showLink(link: string | null): void {
    this.link = link;
    this.render();
  }

  streams(streams: MediaStream[], isHeard: boolean): void {
    this.levels.setSound(streams, isHeard);
  }

  get report(): AudioReport {
    const { microphone, sound } = this.levels;
    return {
      state: this.button.dataset['state'] ?? '',
      talking: this.talker.isHeard,
      sending: this.sender?.track != null,
      microphone: this.microphone?.track?.label ?? null,
      level: { mic: reported(microphone.loudness), sound: reported(sound.loudness) },
    };
  }

  // ---- Inside -------------------------------------------------------------------------------------------------

  /** No description changes by this: nothing else of the connection notices. */
  private attach(track: MediaStreamTrack | null): void {
    this.sender?.replaceTrack(track).catch((error: unknown) => {
      // It went with its connection.
      if (this.connection?.isOver === false) console.warn('periscope: the microphone could not be sent', error);
    });
  }

  /** One box for each instrument that can be keyed. Never ticked from the start: whoever keys a transmitter wants to. */
  private showKeys(): void {
    if (this.connection === null) return;
    const labels = [...this.connection.desk.states.values()].filter(({ keys }) => keys).map(({ label }) => label);
    const present = [...this.keys.querySelectorAll('input')].map((box) => box.dataset['label'] ?? '');
    if (labels.join('\n') !== present.join('\n')) {
      // Nor does one that was unplugged while somebody talks go on by itself when it is back.
      if (this.talker.isSending) for (const label of present) if (!labels.includes(label)) this.ticked.delete(label);
      this.keys.replaceChildren(
        ...labels.map((label) => {
          const box = make('input');
          box.type = 'checkbox';
          box.dataset['label'] = label;
          box.checked = this.ticked.has(label);
          box.onchange = () => {
            if (box.checked) this.ticked.add(label);
            else this.ticked.delete(label);
            this.chooseFrom(labels);
          };
          const words = make('label');
          words.append(box, ` Key the transmitter of ${label}`);
          return words;
        }),
      );
      this.chooseFrom(labels);
    }
    this.keys.hidden = labels.length === 0;
  }

  private chooseFrom(labels: string[]): void {
    this.talker.setTransmit(labels.filter((label) => this.ticked.has(label)));
  }

  private render(): void {
    const { talker, microphone, access, connection } = this;
    // Where the bench says nothing of talking there is nothing to show; while it is looked for, what was there stays.
    if (connection !== null) this.box.hidden = connection.desk.talk === null;
    const canTalk = talker.canTalk;
    const { state, note, isProblem, isQuiet } = view({
      access,
      bench: talker.bench,
      canTalk: canTalk || (access !== 'granted' && talker.bench?.mid != null),
      peer: connection?.welcome?.peer ?? null,
      microphone: talker.microphone,
      wants: talker.wants,
      isHeard: talker.isHeard,
      isHeld: talker.isHeld,
      isHandsFree: talker.isHandsFree,
      isMuted: talker.isMuted,
      isSilenced: microphone?.isSilenced ?? false,
      refusal: talker.refusal,
      keyed: talker.keyed,
    });
    this.button.dataset['state'] = state;
    this.button.querySelector('span')!.textContent = LABELS[state];
    this.button.disabled = state === 'unavailable';
    this.handsFree.disabled = this.mute.disabled = state === 'unavailable';
    if (state === 'unavailable') this.hold.release();
    this.handsFree.setAttribute('aria-pressed', String(talker.isHandsFree));
    this.mute.setAttribute('aria-pressed', String(talker.isMuted));
    this.mute.textContent = talker.isMuted ? 'Muted' : 'Mute';
    this.box.classList.toggle('quiet', isQuiet);
    this.box.classList.toggle('keyed', talker.keyed.length > 0);
    this.say(note, isProblem);
    this.elsewhere.show(access === 'insecure' && talker.bench?.mid != null, this.link);
    if (microphone !== null) this.settings.show(microphone.devices, microphone.track, canTalk);
    this.sound.duck(this.settings.ducks && talker.isHeld && talker.isHeard);
  }

  private say(sentence: string, isProblem: boolean): void {
    if (this.note.textContent !== sentence) this.note.textContent = sentence;
    this.note.classList.toggle('problem', isProblem);
  }
}

/** Numbers that JSON can carry. */
function reported(loudness: Loudness | null): number | null {
  return loudness === null ? null : Math.max(SILENCE, loudness.mean);
}
