/**
 * What a bench says about its instruments, about who controls them and about who talks, and this page's heartbeat.
 */

import type { Arbitration, InstrumentState, Talk } from './control';
import { Heartbeat } from './heartbeat';

export class Desk {
  readonly states = new Map<string, InstrumentState>();
  /** Null: the bench has said nothing about it. */
  arbitration: Arbitration | null = null;
  /** Null: the bench has said nothing about it. */
  talk: Talk | null = null;
  private isTalking = false;
  private channel: RTCDataChannel | null = null;
  private isBeating = false;

  constructor(private readonly heartbeat = new Heartbeat()) {}

  take(message: InstrumentState | Arbitration | Talk): void {
    if (message.type === 'talk') {
      this.talk = message;
      return;
    }
    if (message.type === 'control') {
      this.arbitration = message;
      return this.keepBeating();
    }
    const profile = message.profile === undefined ? (this.states.get(message.label)?.profile ?? null) : message.profile;
    this.states.set(message.label, { ...message, profile });
  }

  /** The channel on which the bench listens for the heartbeat. */
  beatOn(channel: RTCDataChannel): void {
    this.channel = channel;
    channel.onopen = () => this.keepBeating();
    channel.onclose = () => {
      if (this.channel === channel) this.channel = null;
      this.keepBeating();
    };
    this.keepBeating();
  }

  /** From before the bench hears that this page talks until after it has heard that it does not. */
  beatWhileTalking(isTalking: boolean): void {
    this.isTalking = isTalking;
    this.keepBeating();
  }

  close(): void {
    this.arbitration = this.talk = null;
    this.isTalking = false;
    this.keepBeating();
  }

  private keepBeating(): void {
    const isDue = this.isTalking || this.arbitration?.you === 'holder';
    const wanted = isDue && this.channel?.readyState === 'open';
    if (wanted === this.isBeating) return;
    this.isBeating = wanted;
    this.heartbeat.run(wanted ? this.channel : null);
  }
}
