/**
 * Waits before the next try, counting down, each wait longer than the one before.
 */

import { backOff } from './pulse';

export class Retry {
  private failures = 0;
  private timer: ReturnType<typeof setInterval> | null = null;

  get isWaiting(): boolean {
    return this.timer !== null;
  }

  /** Calls `count` with the seconds that are left, then `due`. */
  wait(count: (seconds: number) => void, due: () => void): void {
    this.stop();
    const until = performance.now() + backOff(this.failures++);
    const tick = (): void => {
      const left = Math.ceil((until - performance.now()) / 1000);
      count(Math.max(0, left));
      if (left > 0) return;
      this.stop();
      due();
    };
    this.timer = setInterval(tick, 250);
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
