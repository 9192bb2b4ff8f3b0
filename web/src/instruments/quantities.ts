/**
 * The values of a profile's quantities in a message. Pure.
 */

import type { BytesRule, NumberType, Quantity, TextRule } from './profile';

export interface Value {
  /** As the instrument said it, for lamps and choices. */
  raw: string;
  /** What to show instead of a number; null where the number is what counts. */
  word: string | null;
  /** Null where it is no number. */
  number: number | null;
}

/** A line that is longer is none that a pattern describes, and would take it long to find out. */
const LONGEST_TEXT = 65_536;

/** Null where the message does not hold this quantity. `text` is null for bytes that are none. */
export function valueOf(quantity: Quantity, bytes: Uint8Array, text: string | null): Value | null {
  const { rule } = quantity;
  const raw = rule.kind === 'bytes' ? numberAt(rule, bytes) : text === null || text.length > LONGEST_TEXT ? null : captured(rule, text);
  if (raw === null) return null;
  const word = quantity.values.get(raw) ?? null;
  const number = raw.trim() === '' ? NaN : Number(raw);
  return { raw, word, number: Number.isFinite(number) ? number * quantity.scale + quantity.offset : null };
}

function captured({ pattern }: TextRule, text: string): string | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  return match.groups?.['value'] ?? match[1] ?? match[0];
}

const SIZES: Record<string, number> = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4 };

function numberAt({ match, at, type }: BytesRule, bytes: Uint8Array): string | null {
  if (match.some((byte, index) => bytes[index] !== byte)) return null;
  if (at + SIZES[type.replace(/[bl]e$/, '')]! > bytes.length) return null;
  return String(read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at, type));
}

function read(view: DataView, at: number, type: NumberType): number {
  const little = type.endsWith('le');
  switch (type.replace(/[bl]e$/, '')) {
    case 'u8':
      return view.getUint8(at);
    case 'i8':
      return view.getInt8(at);
    case 'u16':
      return view.getUint16(at, little);
    case 'i16':
      return view.getInt16(at, little);
    case 'u32':
      return view.getUint32(at, little);
    case 'i32':
      return view.getInt32(at, little);
    default:
      return view.getFloat32(at, little);
  }
}

/** As people read it: `digits` decimals, or as many as make sense. */
export function written(value: number, digits: number | null): string {
  if (!Number.isFinite(value)) return '–';
  if (digits !== null) return value.toFixed(digits);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(4);
  return String(Number(value.toPrecision(7)));
}
