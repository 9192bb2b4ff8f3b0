/**
 * Waits before the next try, counting down, each wait longer than the one before.
 */

import { backOff } from './pulse';

const TICK = 250;
/** A pause of the timer means that the page slept: whoever wakes up does not want to wait any longer. */
const SLEPT = 2_500;

export class Retry {
  /** Tries that came to nothing since the last one that worked. */
  failures = 0;
  private timer: ReturnType<typeof setInterval> | null = null;

  get isWaiting(): boolean {
    return this.timer !== null;
  }

  /** Calls `count` with the seconds that are left, then `due`. */
  wait(count: (seconds: number) => void, due: () => void): void {
    this.stop();
    let ticked = performance.now();
    const until = ticked + backOff(this.failures++);
    const tick = (): void => {
      const now = performance.now();
      const left = now - ticked > SLEPT ? 0 : Math.max(0, until - now);
      ticked = now;
      count(Math.ceil(left / 1000));
      if (left > 0) return;
      this.stop();
      due();
    };
    this.timer = setInterval(tick, TICK);
    tick();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** It worked: the next wait is short again. */
  forget(): void {
    this.stop();
    this.failures = 0;
  }
}
