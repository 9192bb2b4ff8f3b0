/**
 * How a message of an instrument is written in the log. Pure.
 */

/** One line of the log shows this much of a message and says how much more there is. */
const MOST_CHARACTERS = 4_000;
const MOST_BYTES = 256;
const MOST_DUMPED = 4_096;
const DUMP_WIDTH = 16;

const strict = new TextDecoder('utf-8', { fatal: true });

/** Text if it can be read as text, else bytes in hex. Line ends at the end are how instruments stop talking. */
export function written(bytes: Uint8Array, most = MOST_CHARACTERS, inHex = false): string {
  const text = inHex ? null : asText(bytes);
  if (text === null || !isPrintable(text)) return hex(bytes);
  const shown = text.replace(/[\r\n]+$/, '').replace(/\r\n?/g, '\n');
  return shown.length <= most ? shown : `${shown.slice(0, most)} … (${number(shown.length)} characters)`;
}

/** Offset, bytes and characters, as hex editors show them. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  const shown = bytes.subarray(0, MOST_DUMPED);
  for (let at = 0; at < shown.length; at += DUMP_WIDTH) {
    const part = [...shown.subarray(at, at + DUMP_WIDTH)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const characters = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(3 * DUMP_WIDTH - 1)}  ${characters}`);
  }
  if (bytes.length > MOST_DUMPED) lines.push(`… (${number(bytes.length)} bytes)`);
  return lines.join('\n');
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
