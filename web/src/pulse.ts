/**
 * Is anybody there? Decides when to ping and what silence means. Pure: time is an argument, in milliseconds.
 */

const EVERY = 1_000;
/**
 * A ping that has no answer is followed by more of them: where a packet got lost, those behind it make SCTP send it again
 * at once. Alone it would be sent again after a second at the earliest, which is most of the time until a silence.
 */
const IMPATIENT = 250;
/** So late an answer is a reason to see whether anything comes. */
const LATE = 500;
/** So long without an answer is a reason to look for another way to the bench. */
const QUIET = 2_000;
/** So long is the end; the bench, too, takes a page for gone after this time. */
const GONE = 15_000;
/** Ticks come more often. A longer pause means that this page slept (a closed lid, a phone in a pocket). */
const SLEPT = 2_500;
/** How long a bench may take to answer a page that woke up. */
const WOKEN = 500;
/** Timers are late by a little, or early: a ping that is due in this time goes out now. */
const NEARLY = 125;

export class Pulse {
  private pinged = -Infinity;
  private heard: number;
  /** When anything came that was no answer, last. */
  private stirred = -Infinity;
  /** When the first ping went out that has no answer yet. */
  private asked: number | null = null;
  /** Something has said that the path may be gone, and no answer has come since. */
  private doubted = false;
  private ticked: number;
  /** The last round trip of a ping, in milliseconds. */
  roundTrip: number | null = null;

  constructor(now: number) {
    this.heard = now;
    this.ticked = now;
  }

  pong(sent: number, now: number): void {
    this.heard = now;
    this.asked = null;
    this.doubted = false;
    // A bench that makes up numbers must not make us show nonsense.
    if (sent <= now && now - sent < 60_000) this.roundTrip = now - sent;
  }

  isQuiet(now: number): boolean {
    return now - Math.max(this.heard, this.stirred) >= QUIET;
  }

  /** The answer is late, or there is a doubt: `stir` tells if anything else comes. */
  isLate(now: number): boolean {
    return this.doubted || (this.asked !== null && now - this.asked >= LATE);
  }

  /** Packets come from the bench: its answer got lost on the way, it did not. */
  stir(now: number): void {
    this.stirred = now;
  }

  /** There is a reason to doubt: a ping goes out with the next tick, and less patience waits for its answer. */
  doubt(now: number): void {
    this.pinged = -Infinity;
    this.heard = Math.min(this.heard, now - QUIET + WOKEN);
    this.stirred = Math.min(this.stirred, now - QUIET + WOKEN);
    this.doubted = true;
  }

  tick(now: number): 'ping' | 'gone' | null {
    if (now - this.ticked > SLEPT) {
      // While we slept nobody could be heard.
      this.heard = now;
      this.doubt(now);
    }
    this.ticked = now;
    if (now - this.heard >= GONE) return 'gone';
    const every = this.asked === null || this.isQuiet(now) ? EVERY : IMPATIENT;
    if (now - this.pinged < every - NEARLY) return null;
    this.pinged = now;
    this.asked ??= now;
    return 'ping';
  }
}

const WAITS = [500, 1_000, 2_000, 5_000];

/** How long to wait before the next try: half a second at first, five at most. */
export function backOff(failures: number): number {
  return WAITS[Math.min(failures, WAITS.length - 1)]!;
}
