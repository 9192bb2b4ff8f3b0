/**
 * How one message of an instrument's channel travels (PROTOCOL.md, "Data channels"): as it is, or in chunks.
 * Pure: bytes and strings in, bytes and strings out.
 */

export type Payload = string | Uint8Array;

export const LONGEST_MESSAGE = 1_048_576;
export const LONGEST_PIECE = 16_384;
/** What arrives may be a batch around the longest message: its magic bytes, and a record's head. */
const LONGEST_ARRIVING = LONGEST_MESSAGE + 20;
const HEADER = 20;
const MAGIC = [0xf5, 0x50, 0x53, 0x43] as const;

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function byteLength(payload: Payload): number {
  return typeof payload === 'string' ? encoder.encode(payload).length : payload.length;
}

function hasMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((value, index) => bytes[index] === value);
}

/** Cuts messages into what is sent on one channel. */
export class Splitter {
  private number = 0;

  /** The pieces of one message, in order; none for an empty message, which is never sent. */
  split(payload: Payload): Payload[] {
    const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
    if (bytes.length === 0) return [];
    if (bytes.length > LONGEST_MESSAGE) throw new RangeError(`a message of ${bytes.length} bytes is too long`);
    const isText = typeof payload === 'string';
    if (bytes.length <= LONGEST_PIECE && (isText || !hasMagic(bytes))) return [payload];

    const number = this.number;
    this.number = (this.number + 1) >>> 0;
    const pieces: Uint8Array[] = [];
    for (let offset = 0; offset < bytes.length; offset += LONGEST_PIECE - HEADER) {
      const part = bytes.subarray(offset, offset + LONGEST_PIECE - HEADER);
      const piece = new Uint8Array(HEADER + part.length);
      const view = new DataView(piece.buffer);
      piece.set(MAGIC);
      view.setUint8(4, isText ? 1 : 0);
      view.setUint32(8, number);
      view.setUint32(12, bytes.length);
      view.setUint32(16, offset);
      piece.set(part, HEADER);
      pieces.push(piece);
    }
    return pieces;
  }
}

interface Unfinished {
  number: number;
  isText: boolean;
  bytes: Uint8Array;
  received: number;
}

/** Puts together what arrives on one channel. */
export class Joiner {
  private unfinished: Unfinished | null = null;

  /** The message that this piece completes, or null: not complete yet, empty, or broken and dropped. */
  take(piece: Payload): Payload | null {
    if (typeof piece === 'string' || !hasMagic(piece)) {
      // Nothing comes between the chunks of one message: what was begun will not be finished.
      this.unfinished = null;
      return piece.length === 0 ? null : piece;
    }
    return this.takeChunk(piece);
  }

  private takeChunk(piece: Uint8Array): Payload | null {
    const begun = this.unfinished;
    this.unfinished = null;
    if (piece.length <= HEADER) return null;
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    const kind = view.getUint32(4);
    const number = view.getUint32(8);
    const total = view.getUint32(12);
    const offset = view.getUint32(16);
    const part = piece.subarray(HEADER);
    if (kind !== 0 && kind !== 0x0100_0000) return null;
    if (total > LONGEST_ARRIVING || offset + part.length > total) return null;
    const isText = kind !== 0;

    let message: Unfinished;
    if (offset === 0) {
      message = { number, isText, bytes: new Uint8Array(total), received: 0 };
    } else if (
      begun !== null &&
      begun.number === number &&
      begun.isText === isText &&
      begun.bytes.length === total &&
      begun.received === offset
    ) {
      message = begun;
    } else {
      return null;
    }
    message.bytes.set(part, offset);
    message.received += part.length;
    if (message.received < total) {
      this.unfinished = message;
      return null;
    }
    return isText ? asText(message.bytes) : message.bytes;
  }
}

/** Bytes that claim to be text and are not: shown as bytes rather than with holes in them. */
function asText(bytes: Uint8Array): Payload {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes;
  }
}
