/**
 * The microphone: opens and closes it, changes it without a gap, and notices when it is unplugged and when it is back.
 */

import type { MicrophoneState } from './talker';
import { troubleOf } from './trouble';

export interface Processing {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
}

/** By which a microphone is found again: browsers may give the same one another id after a restart. */
export interface Wanted {
  id: string;
  label: string;
}

export const ANY: Wanted = { id: '', label: '' };

export interface MicrophoneEvents {
  onState(state: MicrophoneState): void;
  /** Another track, or none. The one before is stopped right after. */
  onTrack(track: MediaStreamTrack | null): void;
  /** What there is, or whether the system silences it, may have changed. */
  onChange(): void;
}

export class Microphone {
  track: MediaStreamTrack | null = null;
  devices: MediaDeviceInfo[] = [];
  private state: MicrophoneState['kind'] = 'closed';
  /** What comes of an earlier request is dropped. */
  private turn = 0;
  /** Which one was asked for last; empty where any would do. */
  private asked = '';
  /** That one could not be had, and another one stands in for it. */
  private hasSubstitute = false;

  constructor(
    private readonly media: Pick<MediaDevices, 'getUserMedia' | 'enumerateDevices' | 'addEventListener'>,
    private wanted: Wanted,
    private processing: Processing,
    private readonly events: MicrophoneEvents,
  ) {
    media.addEventListener('devicechange', () => void this.look());
  }

  /** The system or the browser gives silence in place of its sound. */
  get isSilenced(): boolean {
    return this.track?.muted ?? false;
  }

  async open(): Promise<void> {
    if (this.state === 'open' || this.state === 'asking') return;
    this.enter({ kind: 'asking' });
    await this.get();
  }

  close(): void {
    this.turn++;
    this.take(null);
    this.enter({ kind: 'closed' });
  }

  /** Another microphone; an open one goes on until the other one is there. */
  async choose(wanted: Wanted): Promise<void> {
    this.wanted = wanted;
    if (this.state === 'open' || this.state === 'asking') await this.get();
    else if (this.state === 'failed') this.enter({ kind: 'closed' });
  }

  /** Browsers fix what they do with the sound when they open the microphone, so that is done anew. */
  async process(processing: Processing): Promise<void> {
    this.processing = processing;
    if (this.state === 'open' || this.state === 'asking') await this.get();
  }

  /** Looks for what there is now. The chosen one may be back, or may be the first one that is there. */
  async look(): Promise<void> {
    await this.list();
    if (this.state === 'failed' && this.inputs.length > 0) this.enter({ kind: 'closed' });
    else if (this.state === 'open' && this.find() !== null && (this.isAnother || this.hasSubstitute)) await this.get();
  }

  private async list(): Promise<void> {
    try {
      this.devices = await this.media.enumerateDevices();
    } catch {
      // What was there before will do.
    }
    this.events.onChange();
  }

  /** The chosen one is there, and was not asked for. */
  private get isAnother(): boolean {
    const found = this.find();
    return found !== null && found.deviceId !== this.asked;
  }

  get inputs(): MediaDeviceInfo[] {
    return this.devices.filter(({ kind }) => kind === 'audioinput');
  }

  /** The chosen microphone, if one was chosen and it is there. */
  find(): MediaDeviceInfo | null {
    const { id, label } = this.wanted;
    if (id === '') return null;
    return this.inputs.find(({ deviceId }) => deviceId === id) ?? this.inputs.find((input) => label !== '' && input.label === label) ?? null;
  }

  private async get(): Promise<void> {
    const turn = ++this.turn;
    const isOpen = this.track !== null;
    try {
      const stream = await this.ask();
      const [track = null] = stream.getAudioTracks();
      if (turn !== this.turn) return track?.stop();
      this.take(track);
      this.enter({ kind: 'open' });
      // Only now do browsers tell the names, by which the chosen one may be found.
      await this.list();
      if (turn === this.turn && this.isAnother && !this.hasSubstitute) await this.get();
    } catch (error) {
      if (turn !== this.turn) return;
      console.warn('periscope: no microphone', error);
      // An open one that cannot be changed goes on as it is.
      if (isOpen && this.track?.readyState === 'live') return this.events.onChange();
      this.take(null);
      this.enter({ kind: 'failed', why: isOpen && troubleOf(error) === 'none' ? 'gone' : troubleOf(error) });
    }
  }

  /** The chosen one; any other where that one is not there. */
  private async ask(): Promise<MediaStream> {
    const { media, processing } = this;
    const found = this.find();
    const id = found?.deviceId ?? this.wanted.id;
    this.asked = found?.deviceId ?? '';
    this.hasSubstitute = false;
    if (id === '') return media.getUserMedia({ audio: { ...processing } });
    try {
      return await media.getUserMedia({ audio: { ...processing, deviceId: { exact: id } } });
    } catch (error) {
      const why = troubleOf(error);
      if (why === 'refused' || (why === 'in-use' && found !== null)) throw error;
      this.hasSubstitute = true;
      return media.getUserMedia({ audio: { ...processing } });
    }
  }

  private take(track: MediaStreamTrack | null): void {
    const before = this.track;
    this.track = track;
    if (track !== null) {
      track.onended = () => {
        // Unplugged, or the person took the permission back: another one stands in, or the reason is told.
        if (this.track === track) void this.get();
      };
      track.onmute = track.onunmute = () => this.events.onChange();
    }
    if (before === track) return;
    this.events.onTrack(track);
    if (before !== null) {
      before.onended = before.onmute = before.onunmute = null;
      before.stop();
    }
  }

  private enter(state: MicrophoneState): void {
    this.state = state.kind;
    this.events.onState(state);
  }
}
