/**
 * Commands as people and profiles write them, and as bytes on their way to an instrument. Pure.
 */

import type { Payload } from '../chunks';

/** In a profile: text, or bytes in hex. */
export type Command = string | { hex: string };

export function isCommand(value: unknown): value is Command {
  if (typeof value === 'string') return value !== '';
  return typeof value === 'object' && value !== null && typeof (value as { hex?: unknown }).hex === 'string' && fromHex((value as { hex: string }).hex) !== null;
}

/** `value` stands in for `{value}`, `{value:011}` (an integer of eleven digits) and `{value:.3}` (three decimals). */
export function payloadOf(command: Command, value: number | null = null): Payload {
  if (typeof command !== 'string') return fromHex(command.hex) ?? new Uint8Array();
  if (value === null) return command;
  return command.replace(/\{value(?::(?:(0?)(\d+)|\.(\d+)))?\}/g, (_, zero: string | undefined, width: string | undefined, decimals: string | undefined) => {
    if (decimals !== undefined) return value.toFixed(Math.min(20, Number(decimals)));
    if (width === undefined) return plain(value);
    return padded(Math.round(value), Math.min(64, Number(width)), zero === '0');
  });
}

/** Never with an exponent, which instruments do not read. */
function plain(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return Math.abs(value) < 1 ? value.toFixed(20).replace(/\.?0+$/, '') : BigInt(value).toString();
}

function padded(value: number, width: number, withZeros: boolean): string {
  const digits = plain(Math.abs(value));
  const sign = value < 0 ? '-' : '';
  return withZeros ? sign + digits.padStart(width - sign.length, '0') : (sign + digits).padStart(width);
}

/** How a command is written where a person reads it. */
export function shown(command: Command): string {
  return typeof command === 'string' ? escaped(command) : command.hex;
}

export function escaped(text: string): string {
  const names: Record<string, string> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\' };
  return text.replace(/[\u0000-\u001f\u007f\\]/g, (character) => names[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/**
 * What a person typed with escapes: `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH`. Text stays text; with a byte above 7F that
 * was written as `\xHH` the whole is bytes. Null where an escape is none.
 */
export function unescaped(text: string): Payload | null {
  const pieces: string[] = text.match(/\\x[0-9A-Fa-f]{2}|\\[rnt0\\]|[^\\]+|\\/gs) ?? [];
  if (pieces.includes('\\')) return null;
  const names: Record<string, string> = { '\\r': '\r', '\\n': '\n', '\\t': '\t', '\\0': '\0', '\\\\': '\\' };
  const isByte = (piece: string): boolean => piece.startsWith('\\x');
  const parts = pieces.map((piece) => (isByte(piece) ? String.fromCharCode(parseInt(piece.slice(2), 16)) : (names[piece] ?? piece)));
  if (!pieces.some((piece) => isByte(piece) && parseInt(piece.slice(2), 16) > 0x7f)) return parts.join('');
  const encoder = new TextEncoder();
  return Uint8Array.from(pieces.flatMap((piece, index) => (isByte(piece) ? parts[index]!.charCodeAt(0) : [...encoder.encode(parts[index])])));
}

export function fromHex(text: string): Uint8Array | null {
  const digits = text.replace(/\s+/g, '');
  if (digits === '' || digits.length % 2 !== 0 || /[^0-9A-Fa-f]/.test(digits)) return null;
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => parseInt(digits.slice(2 * index, 2 * index + 2), 16));
}
