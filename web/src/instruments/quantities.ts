/**
 * The values of a profile's quantities in a message. Pure.
 */

import { degrees } from './nmea';
import { isWord, type BytesRule, type NumberType, type Quantity, type TextRule } from './profile';

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
  const found = rule.kind === 'bytes' ? numberAt(rule, bytes) : text === null || text.length > LONGEST_TEXT ? null : captured(rule, text);
  if (found === null) return null;
  const { raw, isNegative } = found;
  if (isWord(quantity)) return { raw, word: quantity.values.get(raw) ?? raw, number: null };
  const size = rule.kind === 'text' && rule.as === 'degrees' ? degrees(raw) : raw.trim() === '' ? NaN : Number(raw);
  const number = scaled(isNegative ? -size : size, quantity.scale) + quantity.offset;
  return { raw, word: null, number: Number.isFinite(number) ? number : null };
}

/** 14060000 times 0.000001 is 14.06, and not a hair less: a part of one is divided by, where that is exact. */
function scaled(value: number, scale: number): number {
  const parts = Math.round(1 / scale);
  return parts > 1 && Math.abs(parts * scale - 1) < 1e-12 ? value / parts : value * scale;
}

interface Capture {
  raw: string;
  isNegative: boolean;
}

function captured({ pattern, as }: TextRule, text: string): Capture | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const raw = match.groups?.['value'] ?? match[1] ?? match[0];
  return { raw, isNegative: as === 'degrees' && /^[SW]$/.test(match.groups?.['hemisphere'] ?? '') };
}

const SIZES: Record<string, number> = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4 };

function numberAt({ match, at, type }: BytesRule, bytes: Uint8Array): Capture | null {
  if (match.some((byte, index) => bytes[index] !== byte)) return null;
  if (at + SIZES[type.replace(/[bl]e$/, '')]! > bytes.length) return null;
  const number = read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at, type);
  return { raw: String(number), isNegative: false };
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
