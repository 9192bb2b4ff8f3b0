/**
 * Which messages of the store are rows of the log: all but those that were cleared away, or those that pass the filter.
 * Looking through the store is done in steps. Pure.
 */

import type { Entry, Store } from './store';

/** More rows than that would be taller than browsers can scroll. */
export const MOST_ROWS = 400_000;
/** So many leave at a time. */
const LEAVE = 10_000;
const STEP = 128;

export type Passes = (entry: Entry) => boolean;

export class Lines {
  private passes: Passes | null = null;
  private matches: number[] = [];
  private scanned = 0;
  private cleared = 0;
  /** While paused: where the log ends. */
  private heldAt: number | null = null;
  private left = 0;

  constructor(private readonly store: Store) {}

  /** Null: all of them. */
  filter(passes: Passes | null): void {
    this.passes = passes;
    this.matches = [];
    this.left = 0;
    this.scanned = this.oldest;
  }

  clear(): void {
    this.cleared = this.store.end;
    this.heldAt = this.heldAt === null ? null : this.store.end;
    this.filter(this.passes);
  }

  hold(held: boolean): void {
    this.heldAt = held ? this.store.end : null;
  }

  get isHeld(): boolean {
    return this.heldAt !== null;
  }

  /** Messages that came since the log was paused. */
  get heldBack(): number {
    return this.heldAt === null ? 0 : this.store.end - this.heldAt;
  }

  private get end(): number {
    return this.heldAt ?? this.store.end;
  }

  private get oldest(): number {
    const end = this.end;
    // In steps, so that rows do not move with each message.
    const recent = end <= MOST_ROWS ? 0 : Math.ceil((end - MOST_ROWS) / LEAVE) * LEAVE;
    return Math.min(end, Math.max(this.store.first, this.cleared, recent));
  }

  /** Looks through some more messages; false when there are no more. */
  step(): boolean {
    if (this.passes === null) return false;
    this.scanned = Math.max(this.scanned, this.oldest);
    const until = Math.min(this.end, this.scanned + STEP);
    for (; this.scanned < until; this.scanned++) {
      const entry = this.store.get(this.scanned);
      if (entry !== null && this.passes(entry)) this.matches.push(this.scanned);
    }
    if (this.matches.length > MOST_ROWS) {
      this.matches.splice(0, LEAVE);
      this.left += LEAVE;
    }
    return this.scanned < this.end;
  }

  get count(): number {
    return this.passes === null ? this.end - this.oldest : this.matches.length;
  }

  /** How many rows there were before the first one: by it a view notices that rows left. */
  get origin(): number {
    return this.passes === null ? this.oldest : this.left;
  }

  /** The number in the store of a row. */
  at(row: number): number {
    return this.passes === null ? this.oldest + row : (this.matches[row] ?? -1);
  }
}
