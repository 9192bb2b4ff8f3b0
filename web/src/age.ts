/**
 * How old a picture is when it is shown: from its RTP timestamp and the bench's clock, which each pong tells. Pure: times
 * are arguments, in milliseconds of this page's clock.
 */

/** What a pong says of the time: what it is on the bench's clock, and for each mid the RTP timestamp of time 0 there. */
export interface BenchTime {
  now: number;
  video: ReadonlyMap<string, number>;
}

/** A frame as the browser showed it. */
export interface Shown {
  rtp: number;
  at: number;
}

/** Of video, RFC 6184 and 7741, section 4.1: ticks in a millisecond. */
const TICKS = 90;
/** So many pongs are remembered: clocks drift, and the network is not always as quick as it can be. */
const REMEMBERED = 10;
/** Nothing is as old as that: another stream, or another clock. */
const FAR = 60_000;

export class BenchClock {
  private pongs: { trip: number; ahead: number; video: ReadonlyMap<string, number> }[] = [];

  /** A ping went out at `sent`; its pong came at `came`. */
  pong(sent: number, came: number, time: BenchTime): void {
    const trip = came - sent;
    if (trip < 0) return;
    this.pongs.push({ trip, ahead: time.now - (sent + trip / 2), video: time.video });
    if (this.pongs.length > REMEMBERED) this.pongs.shift();
  }

  /** The median age of frames of a video; null if it is not known. Exact to half a round trip at its quickest. */
  age(mid: string, frames: readonly Shown[]): number | null {
    const begin = this.pongs[this.pongs.length - 1]?.video.get(mid);
    if (begin === undefined || frames.length === 0) return null;
    const { ahead } = this.pongs.reduce((best, pong) => (pong.trip < best.trip ? pong : best));
    const ages = frames.map(({ rtp, at }) => (((begin + (at + ahead) * TICKS - rtp) % 2 ** 32) + 2 ** 32) % 2 ** 32 / TICKS);
    const median = ages.sort((a, b) => a - b)[ages.length >> 1]!;
    return median < FAR ? median : null;
  }
}
