/**
 * Counts the messages that this viewer lost, label by label, from their sequence numbers. Pure.
 */

interface Last {
  sequence: number;
  time: number;
}

export class Gaps {
  private readonly last = new Map<string, Last>();
  private readonly lostOf = new Map<string, number>();

  take(label: string, sequence: number, time: number): void {
    const before = this.last.get(label);
    if (before === undefined) {
      // Whatever was sent before this page was opened is not lost.
      this.last.set(label, { sequence, time });
      return;
    }
    const step = (sequence - before.sequence) >>> 0;
    if (step === 0) return;
    if (step < 2 ** 31) {
      this.add(label, step - 1);
      this.last.set(label, { sequence, time });
    } else if (time < before.time) {
      // A channel without order: it came late, and was counted when the one behind it came.
      this.add(label, -1);
    } else {
      // The pipeline was started anew.
      this.last.set(label, { sequence, time });
    }
  }

  /** Another bench, with numbers of its own. What was lost of the one before stays lost. */
  begin(): void {
    this.last.clear();
  }

  get total(): number {
    let total = 0;
    for (const count of this.lostOf.values()) total += count;
    return total;
  }

  /** Labels that lost any, and how many. */
  get byLabel(): [label: string, lost: number][] {
    return [...this.lostOf].filter(([, lost]) => lost > 0);
  }

  private add(label: string, count: number): void {
    this.lostOf.set(label, Math.max(0, (this.lostOf.get(label) ?? 0) + count));
  }
}
