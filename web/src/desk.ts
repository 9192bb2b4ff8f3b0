/**
 * What a bench says about its instruments and about who controls them, and this page's heartbeat.
 */

import type { Arbitration, InstrumentState } from './control';
import { Heartbeat } from './heartbeat';

export class Desk {
  readonly states = new Map<string, InstrumentState>();
  /** Null: the bench has said nothing about it. */
  arbitration: Arbitration | null = null;
  private channel: RTCDataChannel | null = null;
  private isBeating = false;

  constructor(private readonly heartbeat = new Heartbeat()) {}

  take(message: InstrumentState | Arbitration): void {
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

  close(): void {
    this.arbitration = null;
    this.keepBeating();
  }

  private keepBeating(): void {
    const wanted = this.arbitration?.you === 'holder' && this.channel?.readyState === 'open';
    if (wanted === this.isBeating) return;
    this.isBeating = wanted;
    this.heartbeat.run(wanted ? this.channel : null);
  }
}
