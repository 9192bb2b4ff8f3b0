/**
 * The bench's sound: every audio stream plays at once, through one element each, which is the shortest way to the
 * speaker that browsers have. They let a page make sound only after a click or a key press; until then the button says
 * so.
 */

import type { Media } from './negotiation';
import { element, recall, remember } from './dom';

type SoundState = 'on' | 'off' | 'blocked';

/** What is left of the bench's sound while the page talks and nothing cancels the echo. */
const DUCKED = 0.1;

const LABELS: Record<SoundState, string> = { on: 'Sound on', off: 'Sound off', blocked: 'Tap for sound' };

export class Sound {
  private readonly group = element('sound');
  private readonly button = element<HTMLButtonElement>('listen');
  private readonly slider = element<HTMLInputElement>('volume');
  private readonly tap = element('tap');
  private readonly players = new Map<MediaStream, HTMLAudioElement>();
  private wanted = recall('sound') !== 'off';
  private blocked = false;
  private ducked = false;
  private speaker = '';

  /** `onStreams`: what is played, and whether the browser lets it be heard. */
  constructor(private readonly onStreams: (streams: MediaStream[], isHeard: boolean) => void) {
    const volume = Number(recall('volume') ?? 100);
    this.slider.value = String(Number.isFinite(volume) ? volume : 100);
    this.slider.oninput = () => {
      remember('volume', this.slider.value);
      // Who moves the slider wants to hear something.
      this.want(this.slider.valueAsNumber > 0);
    };
    this.button.onclick = () => this.toggle();
    // Any sign of a person is enough. The button decides for itself what a click on it means.
    const unblock = (event: Event): void => {
      if (this.blocked && !this.button.contains(event.target as Node)) this.play();
    };
    document.addEventListener('click', unblock, true);
    document.addEventListener('keydown', unblock, true);
    this.render();
  }

  /** Null while there is no connection: then the button stays where it is, for it may be back in a second. */
  show(media: Media[] | null): void {
    if (media !== null) this.group.hidden = !media.some((m) => m.kind === 'audio');
    this.playAll(media ?? []);
  }

  private playAll(media: Media[]): void {
    const streams = new Set(media.filter((m) => m.kind === 'audio').map((m) => m.stream));
    for (const [stream, player] of this.players) {
      if (streams.has(stream)) continue;
      player.srcObject = null;
      player.remove();
      this.players.delete(stream);
    }
    for (const stream of streams) {
      if (this.players.has(stream)) continue;
      const player = document.createElement('audio');
      player.hidden = true;
      player.srcObject = stream;
      document.body.append(player);
      this.players.set(stream, player);
      void this.direct(player);
    }
    if (streams.size === 0) this.blocked = false;
    this.play();
    this.onStreams([...streams], false);
  }

  /** The speaker with this id; empty for the one that the browser uses otherwise. */
  useSpeaker(id: string): void {
    if (id === this.speaker) return;
    this.speaker = id;
    for (const player of this.players.values()) void this.direct(player);
  }

  private async direct(player: HTMLAudioElement): Promise<void> {
    if (player.setSinkId === undefined || player.sinkId === this.speaker) return;
    try {
      await player.setSinkId(this.speaker);
    } catch {
      // It was unplugged, or the browser does not let this page have it: any other is better than none.
      await player.setSinkId('').catch(() => undefined);
    }
  }

  /** Turns the sound down for a while. */
  duck(ducked: boolean): void {
    if (ducked === this.ducked) return;
    this.ducked = ducked;
    for (const player of this.players.values()) player.volume = this.volume;
  }

  private get volume(): number {
    return (this.slider.valueAsNumber / 100) * (this.ducked ? DUCKED : 1);
  }

  toggle(): void {
    if (this.players.size === 0) return;
    this.want(this.blocked || !this.wanted);
  }

  private want(wanted: boolean): void {
    this.wanted = wanted;
    remember('sound', wanted ? 'on' : 'off');
    this.play();
  }

  private play(): void {
    for (const player of this.players.values()) {
      player.volume = this.volume;
      // Muted rather than paused, so that sound comes back at once and without a queue behind it.
      player.muted = !this.wanted;
      player.play().then(
        () => this.heard(false),
        (error: DOMException) => {
          // Anything else (the element was taken away meanwhile) is no matter of permission.
          if (error.name === 'NotAllowedError') this.heard(true);
        },
      );
    }
    this.render();
  }

  private heard(blocked: boolean): void {
    this.blocked = blocked;
    if (!blocked) this.onStreams([...this.players.keys()], true);
    this.render();
  }

  private render(): void {
    const state: SoundState = !this.wanted ? 'off' : this.blocked ? 'blocked' : 'on';
    this.button.dataset['sound'] = state;
    this.button.setAttribute('aria-pressed', String(state === 'on'));
    this.button.querySelector('span')!.textContent = LABELS[state];
    this.tap.hidden = state !== 'blocked' || this.players.size === 0;
  }
}
