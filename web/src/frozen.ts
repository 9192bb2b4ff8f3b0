/**
 * A picture that stands still: decides by the browser's counters whether the source has nothing to send, or packets
 * come and no frame comes out of them. Pure: time is an argument, in milliseconds.
 */

/** So long packets may come without a frame. */
const FROZEN = 3_000;
/** Packets that came within this time are still coming. */
const STILL_COMING = 1_500;

export interface Counters {
  /** Which video. */
  mid: string;
  bytes: number;
  decoded: number;
}

interface Watched extends Counters {
  /** When the first bytes after the last frame were seen; null while there are none. */
  bytesSince: number | null;
  bytesAt: number;
}

export class FrozenPictures {
  private readonly videos = new Map<string, Watched>();

  /** Forgets everything: another connection, or a page that was out of sight and did not look. */
  reset(): void {
    this.videos.clear();
  }

  /** Takes the counters of all videos. True when one of them has shown frames and shows no new ones although it gets packets. */
  isFrozen(counters: Counters[], now: number): boolean {
    return counters.map((one) => this.look(one, now)).includes(true);
  }

  private look(counters: Counters, now: number): boolean {
    const before = this.videos.get(counters.mid);
    const isNews = before === undefined || counters.decoded !== before.decoded || counters.bytes < before.bytes;
    if (isNews) {
      this.videos.set(counters.mid, { ...counters, bytesSince: null, bytesAt: now });
      return false;
    }
    if (counters.bytes > before.bytes) {
      before.bytes = counters.bytes;
      before.bytesAt = now;
      before.bytesSince ??= now;
    }
    if (before.decoded === 0 || before.bytesSince === null) return false;
    return now - before.bytesSince >= FROZEN && now - before.bytesAt <= STILL_COMING;
  }
}

/** The counters of all videos that a report of the browser speaks of. */
export function countersOf(report: Iterable<Record<string, unknown>>): Counters[] {
  const counters: Counters[] = [];
  for (const entry of report) {
    const { type, kind, mid, id, bytesReceived, framesDecoded } = entry;
    if (type !== 'inbound-rtp' || kind !== 'video' || typeof bytesReceived !== 'number') continue;
    counters.push({ mid: String(mid ?? id), bytes: bytesReceived, decoded: typeof framesDecoded === 'number' ? framesDecoded : 0 });
  }
  return counters;
}
