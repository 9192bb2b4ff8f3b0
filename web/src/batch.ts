/**
 * Messages of an instrument as the page keeps them, and the batches in which the bench sends them, each with the time at
 * which the host heard it (PROTOCOL.md, "Batches"). Pure.
 */

import type { Payload } from './chunks';

export interface Message {
  /** Microseconds since 1970 by the bench's clock; null where the message came without. */
  time: number | null;
  /** Of this message on its label; a gap is what this viewer lost. Null where the message came without. */
  sequence: number | null;
  isText: boolean;
  bytes: Uint8Array;
}

const MAGIC = [0xf5, 0x50, 0x53, 0x42] as const;
const RECORD = 16;

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true });

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** What one message of the channel holds: itself, or as many as its batch says. */
export function messagesOf(payload: Payload): Message[] {
  if (typeof payload === 'string') return [{ time: null, sequence: null, isText: true, bytes: encoder.encode(payload) }];
  if (!MAGIC.every((value, index) => payload[index] === value)) {
    return [{ time: null, sequence: null, isText: false, bytes: payload }];
  }
  return recordsOf(payload);
}

/** Of a batch that is broken, what comes before the break. */
function recordsOf(batch: Uint8Array): Message[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const messages: Message[] = [];
  for (let at: number = MAGIC.length; at + RECORD <= batch.length; ) {
    const high = view.getUint32(at);
    const kindAndLength = view.getUint32(at + 12);
    const kind = kindAndLength >>> 24;
    const length = kindAndLength & 0xff_ffff;
    const end = at + RECORD + length;
    // Times behind the year 2255 are none, and would lose their microseconds in a double.
    if (kind > 1 || end > batch.length || high > 0x1f_ffff) break;
    const bytes = batch.subarray(at + RECORD, end);
    messages.push({
      time: high * 2 ** 32 + view.getUint32(at + 4),
      sequence: view.getUint32(at + 8),
      // Bytes that claim to be text and are not: shown as bytes rather than with holes in them.
      isText: kind === 1 && isUtf8(bytes),
      bytes,
    });
    at = end;
  }
  return messages;
}
