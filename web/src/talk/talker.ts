/**
 * When this page talks: from what a person does, what the bench says and how the microphone is, decides when the
 * microphone opens, when its sound goes out and what the bench is told. Pure but for its timers.
 *
 * Sound leaves the page only while the bench has been told that it talks, and not after. Whoever lost the right to talk,
 * the connection or the microphone has to press again: a finger that is still on the button means what was before.
 */

import type { Talk } from '../control';
import type { Trouble } from './trouble';

export type MicrophoneState = { kind: 'closed' } | { kind: 'asking' } | { kind: 'open' } | { kind: 'failed'; why: Trouble };

export interface TalkerEvents {
  /** What the bench is told. */
  tell(on: boolean, transmit: readonly string[]): void;
  /** Whether the sound of the microphone goes out. */
  send(isSending: boolean): void;
  openMicrophone(): void;
  closeMicrophone(): void;
  onChange(): void;
}

/** Who has just talked goes on soon; a microphone that opens anew cuts off the first word. */
const KEEP_OPEN = 60_000;
/** So long the page shows why the bench would not hear it. */
const REFUSAL_STAYS = 8_000;

export class Talker {
  isHeld = false;
  isHandsFree = false;
  isMuted = false;
  microphone: MicrophoneState = { kind: 'closed' };
  /** What the bench says of talking; null where it says nothing, or is not there. */
  bench: Talk | null = null;
  /** Why the bench would not hear this page, or does not any more; null once that is past. */
  refusal: string | null = null;
  private hasLine = false;
  private transmit: readonly string[] = [];
  /** `told`: the bench has not answered yet. */
  private phase: 'silent' | 'told' | 'heard' = 'silent';
  private refusalEnds: ReturnType<typeof setTimeout> | undefined;
  private closing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly events: TalkerEvents) {}

  // ---- What a person does -------------------------------------------------------------------------------------

  /** False if pressing comes to nothing. */
  press(): boolean {
    if (!this.canTalk) return false;
    this.beginAnew();
    this.isHeld = true;
    this.settle();
    return true;
  }

  release(): void {
    this.isHeld = false;
    this.settle();
  }

  setHandsFree(isHandsFree: boolean): void {
    if (isHandsFree && !this.canTalk) return;
    this.beginAnew();
    this.isHandsFree = isHandsFree;
    this.settle();
  }

  setMuted(isMuted: boolean): void {
    this.isMuted = isMuted;
    this.settle();
  }

  /** Labels of the instruments whose transmitters talking keys. */
  setTransmit(labels: readonly string[]): void {
    if (labels.join('\n') === this.transmit.join('\n')) return;
    this.transmit = labels;
    // A transmitter that is taken off the list must not go on until the next pause.
    if (this.phase !== 'silent') this.events.tell(true, labels);
    this.events.onChange();
  }

  // ---- What the bench says ------------------------------------------------------------------------------------

  /** The m-line for the microphone is there. Another connection is told by its absence in between. */
  setBench(bench: Talk | null, hasLine: boolean): void {
    this.bench = bench;
    this.hasLine = hasLine && bench !== null && bench.floor !== 'none';
    if (!this.hasLine) this.interrupt();
    else if (this.phase !== 'silent') this.judge(bench!);
    this.settle();
  }

  private judge({ you, reason }: Talk): void {
    if (you === 'talking') this.phase = 'heard';
    else if (you === 'refused' || this.phase === 'heard') this.refuse(reason === '' ? 'the bench ended it' : reason);
  }

  private refuse(reason: string): void {
    this.isHandsFree = false;
    this.refusal = reason;
    clearTimeout(this.refusalEnds);
    this.refusalEnds = setTimeout(() => {
      // As long as somebody holds the button they are to see that it does nothing.
      if (this.isHeld) return;
      this.forgetRefusal();
      this.events.onChange();
    }, REFUSAL_STAYS);
  }

  /** What stood against it before may be past. */
  private beginAnew(): void {
    this.forgetRefusal();
    if (this.microphone.kind === 'failed') this.microphone = { kind: 'closed' };
  }

  private forgetRefusal(): void {
    clearTimeout(this.refusalEnds);
    this.refusal = null;
  }

  // ---- The microphone -----------------------------------------------------------------------------------------

  setMicrophone(microphone: MicrophoneState): void {
    this.microphone = microphone;
    if (microphone.kind === 'failed') {
      // One that was unplugged may be plugged in again; all else takes a person.
      if (microphone.why === 'gone') this.interrupt();
      else this.isHeld = this.isHandsFree = false;
    }
    this.settle();
  }

  /** What talking needs is gone, perhaps for a moment. No transmitter goes on by itself when it is back. */
  private interrupt(): void {
    this.isHeld = false;
    if (this.transmit.length > 0) this.isHandsFree = false;
  }

  // ---- What comes of it ---------------------------------------------------------------------------------------

  get canTalk(): boolean {
    return this.hasLine;
  }

  /** A person wants to be heard, and nothing that they would have to do first stands against it. */
  get wants(): boolean {
    return (this.isHeld || this.isHandsFree) && !this.isMuted && this.refusal === null;
  }

  /** The bench hears this page. */
  get isHeard(): boolean {
    return this.phase === 'heard';
  }

  get isSending(): boolean {
    return this.phase !== 'silent';
  }

  /** Instruments whose transmitters are keyed by what this page says now. */
  get keyed(): readonly string[] {
    return this.phase === 'heard' ? this.transmit : [];
  }

  private settle(): void {
    const { wants, hasLine, microphone } = this;
    if (wants && hasLine && microphone.kind === 'open') this.begin();
    else this.end();
    if (wants && hasLine && microphone.kind === 'closed') this.events.openMicrophone();
    this.keepMicrophone();
    this.events.onChange();
  }

  private begin(): void {
    if (this.phase !== 'silent') return;
    this.phase = 'told';
    // The bench has to know before the first sound is there.
    this.events.tell(true, this.transmit);
    this.events.send(true);
  }

  private end(): void {
    if (this.phase === 'silent') return;
    this.phase = 'silent';
    this.events.send(false);
    this.events.tell(false, []);
  }

  private keepMicrophone(): void {
    if (this.microphone.kind === 'open' && !this.isHeld && !this.isHandsFree) {
      this.closing ??= setTimeout(() => this.events.closeMicrophone(), KEEP_OPEN);
    } else {
      clearTimeout(this.closing);
      this.closing = undefined;
    }
  }
}
