/**
 * Everything that was received (and what this page sent), kept as bytes: a million short messages take some 50 MB.
 * When the store is full the oldest messages go. Pure.
 *
 * Messages have numbers that never change: `first` is the oldest one that is kept, `end` the next one to come.
 */

export interface Entry {
  label: string;
  /** Microseconds since 1970. */
  time: number;
  sequence: number | null;
  isText: boolean;
  /** This page sent it; everything else was received. */
  isSent: boolean;
  bytes: Uint8Array;
}

export const MOST_BYTES = 256 * 1024 * 1024;
const CHUNK = 256 * 1024;
const MOST_IN_CHUNK = 4096;
/** Time (8), sequence (4), length (4), label (2), flags (1), one spare. */
const HEADER = 20;
const TEXT = 1;
const SENT = 2;
const NUMBERED = 4;

class Chunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly starts = new Uint32Array(MOST_IN_CHUNK);
  count = 0;
  used = 0;

  constructor(
    readonly first: number,
    size: number,
  ) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  get size(): number {
    return this.bytes.length + this.starts.byteLength;
  }

  hasRoom(length: number): boolean {
    return this.count < MOST_IN_CHUNK && this.used + HEADER + length <= this.bytes.length;
  }
}

export class Store {
  private chunks: Chunk[] = [];
  private readonly labels: string[] = [];
  private size = 0;
  end = 0;

  constructor(private readonly limit = MOST_BYTES) {}

  /** The number of the oldest message that is kept: so many are gone. */
  get first(): number {
    return this.chunks[0]?.first ?? this.end;
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    return this.size;
  }

  append({ label, time, sequence, isText, isSent, bytes }: Entry): void {
    const needed = HEADER + bytes.length;
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || !chunk.hasRoom(bytes.length)) chunk = this.add(Math.max(CHUNK, needed));
    const { view, used } = chunk;
    view.setFloat64(used, time);
    view.setUint32(used + 8, sequence ?? 0);
    view.setUint32(used + 12, bytes.length);
    view.setUint16(used + 16, this.labelNumber(label));
    view.setUint8(used + 18, (isText ? TEXT : 0) | (isSent ? SENT : 0) | (sequence !== null ? NUMBERED : 0));
    chunk.bytes.set(bytes, used + HEADER);
    chunk.starts[chunk.count++] = used;
    chunk.used += needed;
    this.end++;
  }

  /** Null for what is gone or has not come yet. The bytes are those of the store: to read, not to keep. */
  get(number: number): Entry | null {
    const chunk = this.chunkOf(number);
    if (chunk === null) return null;
    const { view, bytes } = chunk;
    const start = chunk.starts[number - chunk.first]!;
    const flags = view.getUint8(start + 18);
    return {
      label: this.labels[view.getUint16(start + 16)] ?? '',
      time: view.getFloat64(start),
      sequence: (flags & NUMBERED) === 0 ? null : view.getUint32(start + 8),
      isText: (flags & TEXT) !== 0,
      isSent: (flags & SENT) !== 0,
      bytes: bytes.subarray(start + HEADER, start + HEADER + view.getUint32(start + 12)),
    };
  }

  private chunkOf(number: number): Chunk | null {
    if (number < this.first || number >= this.end) return null;
    let low = 0;
    let high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.chunks[middle]!.first <= number) low = middle;
      else high = middle - 1;
    }
    return this.chunks[low]!;
  }

  private add(size: number): Chunk {
    const chunk = new Chunk(this.end, size);
    this.chunks.push(chunk);
    this.size += chunk.size;
    while (this.size > this.limit && this.chunks.length > 1) this.size -= this.chunks.shift()!.size;
    return chunk;
  }

  private labelNumber(label: string): number {
    const known = this.labels.indexOf(label);
    if (known >= 0) return known;
    // A bench has some dozen labels; one that makes up new ones all the time gets them lumped together.
    if (this.labels.length > 0xfffe) return 0xffff;
    return this.labels.push(label) - 1;
  }
}
