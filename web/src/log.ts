/**
 * How a message of an instrument is written in the log. Pure.
 */

import type { Payload } from './chunks';

/** One line of the log shows this much of a message and says how much more there is. */
const MOST_CHARACTERS = 4_000;
const MOST_BYTES = 256;

const strict = new TextDecoder('utf-8', { fatal: true });

/** Text if it can be read as text, else bytes in hex. Line ends at the end are how instruments stop talking. */
export function written(payload: Payload): string {
  const text = typeof payload === 'string' ? payload : asText(payload);
  if (text === null || !isPrintable(text)) {
    return hex(typeof payload === 'string' ? new TextEncoder().encode(payload) : payload);
  }
  const shown = text.replace(/[\r\n]+$/, '').replace(/\r\n?/g, '\n');
  return shown.length <= MOST_CHARACTERS ? shown : `${shown.slice(0, MOST_CHARACTERS)} … (${number(shown.length)} characters)`;
}

function asText(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** No control characters but those that lay out text. */
function isPrintable(text: string): boolean {
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text);
}

function hex(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, MOST_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length <= MOST_BYTES ? shown : `${shown} … (${number(bytes.length)} bytes)`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** Local time of day with milliseconds: 14:03:07.250. */
export function clock(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Commands that were sent, as the arrow keys bring them back. */
export class History {
  private readonly entries: string[] = [];
  private position = 0;
  /** What was being typed before going back. */
  private draft = '';

  add(command: string): void {
    if (command !== '' && this.entries[this.entries.length - 1] !== command) this.entries.push(command);
    if (this.entries.length > 200) this.entries.shift();
    this.position = this.entries.length;
    this.draft = '';
  }

  /** The command one step earlier (-1) or later (1); null where there is none. */
  step(by: -1 | 1, typed: string): string | null {
    const next = this.position + by;
    if (next < 0 || next > this.entries.length) return null;
    if (this.position === this.entries.length) this.draft = typed;
    this.position = next;
    return this.entries[next] ?? this.draft;
  }
}
