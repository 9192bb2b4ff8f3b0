/**
 * Sound that waits in the browser longer than it has to: decides by the browser's counters when the bench shall leave a
 * packet out. Pure: time is an argument, in milliseconds.
 *
 * Browsers play late sound a little faster, until its delay is just not too long any more. There it stays: Firefox 153
 * begins with a second and ends with 20 ms more than it needs.
 */

/** Of sound, in samples and seconds, as in RTCInboundRtpStreamStats. */
export interface Buffered {
  mid: string;
  jitterBufferDelay: number;
  jitterBufferTargetDelay: number;
  jitterBufferEmittedCount: number;
}

/**
 * Milliseconds that are left out at a time. What follows comes later by that: with much more browsers would take it for
 * jitter, and wait longer for all that comes.
 */
const STEP = 10;
/** What waits is more than the browser wants to have waiting, on average, by half of what comes at a time. */
const MARGIN = 5;
/** Below this part of what it wants a browser stretches the sound until it has more again. */
const ENOUGH = 0.75;
/** So much has to have been played for a mean that says something. */
const SAMPLES = 20_000;
/** Browsers compare what comes with what came two seconds before. */
const WAIT = 3_000;
/** After so many steps each wait is twice as long as the one before: each step is heard, and these have not helped. */
const STEPS = 6;
const LONGEST_WAIT = 600_000;

interface Watched extends Buffered {
  excess: number;
  restUntil: number;
  steps: number;
}

export class Backlog {
  private readonly lines = new Map<string, Watched>();

  /** Takes the counters of one line. Gives the milliseconds to be left out; 0: none. */
  look(now: number, counters: Buffered): number {
    const { mid, ...counts } = counters;
    const before = this.lines.get(mid);
    if (before === undefined || counts.jitterBufferEmittedCount < before.jitterBufferEmittedCount) {
      this.lines.set(mid, { ...counters, excess: 0, restUntil: now, steps: 0 });
      return 0;
    }
    const emitted = counts.jitterBufferEmittedCount - before.jitterBufferEmittedCount;
    if (emitted < SAMPLES) return 0;
    const mean = (sum: 'jitterBufferDelay' | 'jitterBufferTargetDelay'): number => ((counts[sum] - before[sum]) / emitted) * 1_000;
    const excess = mean('jitterBufferDelay') - ENOUGH * mean('jitterBufferTargetDelay') - MARGIN;
    const least = Math.min(excess, before.excess);
    Object.assign(before, counts, { excess });
    if (now < before.restUntil || !(least >= STEP)) return 0;
    before.excess = 0;
    before.restUntil = now + Math.min(WAIT * 2 ** Math.max(0, ++before.steps - STEPS), LONGEST_WAIT);
    return STEP;
  }
}

/** The counters of all sound that a report of the browser speaks of; none in a browser that does not count. */
export function bufferedOf(report: Iterable<Record<string, unknown>>): Buffered[] {
  const found: Buffered[] = [];
  for (const { type, kind, mid, jitterBufferDelay, jitterBufferTargetDelay, jitterBufferEmittedCount } of report) {
    if (type !== 'inbound-rtp' || kind !== 'audio' || typeof mid !== 'string') continue;
    if (typeof jitterBufferDelay !== 'number' || typeof jitterBufferTargetDelay !== 'number' || typeof jitterBufferEmittedCount !== 'number') continue;
    found.push({ mid, jitterBufferDelay, jitterBufferTargetDelay, jitterBufferEmittedCount });
  }
  return found;
}
