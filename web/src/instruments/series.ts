/**
 * The history of one number: times and values in typed arrays that grow to a bound. When they are full the older half is
 * thinned out, the smallest and the largest of every four values staying: so all of it can be shown, its recent past in
 * full. Pure.
 */

/** More than an hour at 100 a second. */
export const MOST_POINTS = 400_000;
const FIRST = 1_024;
/** In seconds: a clock that runs back so far was set, or is another bench's. */
const SET_BACK = 60;

export interface Summary {
  count: number;
  min: number;
  max: number;
  mean: number;
  last: number;
}

export class Series {
  times = new Float64Array(FIRST);
  values = new Float64Array(FIRST);
  length = 0;

  constructor(private limit = MOST_POINTS) {}

  /** `time` in seconds. What comes late is put down to the last time; when the clock was set back, history begins anew. */
  add(time: number, value: number): void {
    if (this.length > 0 && time < this.times[this.length - 1]! - SET_BACK) this.length = 0;
    if (this.length === this.times.length || this.length >= this.limit) this.makeRoom();
    const last = this.length === 0 ? -Infinity : this.times[this.length - 1]!;
    this.times[this.length] = Math.max(time, last);
    this.values[this.length++] = value;
  }

  /** The first place at which the time is not before this one. */
  indexOf(time: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Of what was measured from `from` to `to`; null if nothing was. */
  summary(from: number, to: number): Summary | null {
    const begin = this.indexOf(from);
    let end = begin;
    let min = Infinity;
    let max = -Infinity;
    let sum = 0;
    for (; end < this.length && this.times[end]! <= to; end++) {
      const value = this.values[end]!;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    }
    const count = end - begin;
    return count === 0 ? null : { count, min, max, mean: sum / count, last: this.values[end - 1]! };
  }

  clear(): void {
    this.length = 0;
  }

  /** Others need memory, too. */
  shrinkTo(limit: number): void {
    this.limit = Math.max(FIRST, Math.min(this.limit, limit));
    while (this.length >= this.limit) this.thin();
    if (this.times.length > this.limit) this.resize(this.limit);
  }

  private makeRoom(): void {
    if (this.length >= this.limit) return this.thin();
    this.resize(Math.min(this.limit, this.length * 2));
  }

  private resize(size: number): void {
    const [times, values] = [new Float64Array(size), new Float64Array(size)];
    times.set(this.times.subarray(0, this.length));
    values.set(this.values.subarray(0, this.length));
    [this.times, this.values] = [times, values];
  }

  private thin(): void {
    const { times, values } = this;
    const half = (this.length >> 3) * 4;
    let kept = 0;
    for (let at = 0; at < half; at += 4) {
      let [low, high] = [at, at];
      for (let i = at + 1; i < at + 4; i++) {
        if (values[i]! < values[low]!) low = i;
        if (values[i]! >= values[high]!) high = i;
      }
      for (const i of low < high ? [low, high] : [high, low]) {
        times[kept] = times[i]!;
        values[kept++] = values[i]!;
      }
    }
    times.copyWithin(kept, half, this.length);
    values.copyWithin(kept, half, this.length);
    this.length -= half - kept;
  }
}

export type Column = (number | null | undefined)[];

/**
 * Several histories as one table for a plot: times, then a column for each. Few points stay as they are; of many, the
 * smallest and the largest in each of `buckets` parts of the time remain, which look the same.
 */
export function table(all: Series[], from: number, to: number, buckets: number): [number[], ...Column[]] {
  const ranges = all.map((series) => {
    // One point on each side, so that lines go on to the edges.
    const begin = Math.max(0, series.indexOf(from) - 1);
    return [begin, Math.min(series.length, series.indexOf(to) + 1)] as const;
  });
  const count = ranges.reduce((sum, [begin, end]) => sum + end - begin, 0);
  return count <= 2 * buckets ? merged(all, ranges) : bucketed(all, ranges, (to - from) / buckets);
}

type Ranges = (readonly [begin: number, end: number])[];

function merged(all: Series[], ranges: Ranges): [number[], ...Column[]] {
  const times = new Set<number>();
  all.forEach((series, k) => {
    for (let i = ranges[k]![0]; i < ranges[k]![1]; i++) times.add(series.times[i]!);
  });
  const sorted = [...times].sort((a, b) => a - b);
  const place = new Map(sorted.map((time, index) => [time, index]));
  return [
    sorted,
    ...all.map((series, k) => {
      const column: Column = new Array<undefined>(sorted.length).fill(undefined);
      for (let i = ranges[k]![0]; i < ranges[k]![1]; i++) column[place.get(series.times[i]!)!] = series.values[i]!;
      return column;
    }),
  ];
}

function bucketed(all: Series[], ranges: Ranges, width: number): [number[], ...Column[]] {
  // Buckets begin at multiples of their width: the curve does not shimmer while time goes on.
  let [first, last] = [Infinity, -Infinity];
  all.forEach((series, k) => {
    const [begin, end] = ranges[k]!;
    if (end <= begin) return;
    first = Math.min(first, Math.floor(series.times[begin]! / width));
    last = Math.max(last, Math.floor(series.times[end - 1]! / width));
  });
  // A point far away on the left is only there for its line.
  const most = 4096;
  first = Math.max(first, last - most);
  const count = last - first + 1;
  const times = Array.from({ length: 2 * count }, (_, i) => (first + (i >> 1) + (i % 2 === 0 ? 0.25 : 0.75)) * width);
  return [times, ...all.map((series, k) => bucketColumn(series, ranges[k]!, width, first, count))];
}

function bucketColumn(series: Series, [begin, end]: Ranges[number], width: number, first: number, count: number): Column {
  const column: Column = new Array<undefined>(2 * count).fill(undefined);
  const { times, values } = series;
  for (let i = begin; i < end; ) {
    const bucket = Math.floor(times[i]! / width);
    let [low, high] = [i, i];
    for (i++; i < end && Math.floor(times[i]! / width) === bucket; i++) {
      if (values[i]! < values[low]!) low = i;
      if (values[i]! >= values[high]!) high = i;
    }
    const at = 2 * Math.max(0, bucket - first);
    column[at] = values[Math.min(low, high)]!;
    column[at + 1] = values[Math.max(low, high)]!;
  }
  return column;
}
