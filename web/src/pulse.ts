/**
 * Is anybody there? Decides when to ping and when silence means that the bench is gone. Pure: time is an argument,
 * in milliseconds.
 */

const EVERY = 2_000;
const SILENCE = 6_000;
/** Ticks come each half second. A longer pause means that this page slept (a closed lid, a phone in a pocket). */
const SLEPT = 4_000;

export class Pulse {
  private pinged = -Infinity;
  private heard: number;
  private ticked: number;
  /** The last round trip of a ping, in milliseconds. */
  roundTrip: number | null = null;

  constructor(now: number) {
    this.heard = now;
    this.ticked = now;
  }

  pong(sent: number, now: number): void {
    this.heard = now;
    // A bench that makes up numbers must not make us show nonsense.
    if (sent <= now && now - sent < 60_000) this.roundTrip = now - sent;
  }

  tick(now: number): 'ping' | 'gone' | null {
    // While we slept nobody could be heard: the bench gets a full span of silence again.
    if (now - this.ticked > SLEPT) this.heard = now;
    this.ticked = now;
    if (now - this.heard >= SILENCE) return 'gone';
    if (now - this.pinged < EVERY) return null;
    this.pinged = now;
    return 'ping';
  }
}

/** How long to wait before the next try: half a second at first, ten at most. */
export function backOff(failures: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(failures, 10));
}
