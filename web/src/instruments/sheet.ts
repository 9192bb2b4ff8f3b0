/**
 * What is exported, written as bytes: text goes through as it came, byte for byte. Pure.
 */

import type { Entry } from './store';
import { clock } from '../log';

const QUOTE = 0x22;
const COMMA = 0x2c;
const CR = 0x0d;
const LF = 0x0a;
const HEX = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));
const encoder = new TextEncoder();

/** Bytes that grow, handed on in parts. */
export class Sheet {
  private buffer = new Uint8Array(1 << 16);
  length = 0;

  text(text: string): void {
    this.bytes(encoder.encode(text));
  }

  /** Text of nothing but ASCII. */
  ascii(text: string): void {
    this.makeRoom(text.length);
    for (let i = 0; i < text.length; i++) this.buffer[this.length++] = text.charCodeAt(i);
  }

  bytes(bytes: Uint8Array): void {
    this.makeRoom(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(value: number): void {
    this.makeRoom(1);
    this.buffer[this.length++] = value;
  }

  hex(bytes: Uint8Array): void {
    this.makeRoom(bytes.length * 2);
    for (const byte of bytes) {
      this.buffer[this.length++] = HEX[byte >> 4]!;
      this.buffer[this.length++] = HEX[byte & 15]!;
    }
  }

  /** A field of a CSV file (RFC 4180): in quotes only where it must be. */
  field(bytes: Uint8Array): void {
    if (!mustBeQuoted(bytes)) return this.bytes(bytes);
    this.makeRoom(bytes.length * 2 + 2);
    const { buffer } = this;
    buffer[this.length++] = QUOTE;
    for (const byte of bytes) {
      if (byte === QUOTE) buffer[this.length++] = QUOTE;
      buffer[this.length++] = byte;
    }
    buffer[this.length++] = QUOTE;
  }

  /** What was written so far; the sheet is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.buffer.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  private makeRoom(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    bigger.set(this.buffer.subarray(0, this.length));
    this.buffer = bigger;
  }
}

function mustBeQuoted(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte === QUOTE || byte === COMMA || byte === CR || byte === LF) return true;
  return false;
}

let lastSecond = NaN;
let lastStart = '';

/** ISO 8601 in UTC with microseconds. Messages come many to a second: its text is made once. */
export function isoTime(microseconds: number): string {
  const second = Math.floor(microseconds / 1e6);
  if (second !== lastSecond) {
    lastSecond = second;
    lastStart = new Date(second * 1000).toISOString().slice(0, -4);
  }
  return `${lastStart}${String(Math.floor(microseconds - second * 1e6)).padStart(6, '0')}Z`;
}

let lastLabel = '';
let lastLabelBytes = new Uint8Array();

function encodedLabel(label: string): Uint8Array {
  if (label !== lastLabel) [lastLabel, lastLabelBytes] = [label, encoder.encode(label)];
  return lastLabelBytes;
}

export const CSV_HEADER = 'time_us,time,label,sequence,text\r\n';

/** One line of CSV for what was received; nothing for what this page sent. */
export function csvLine(sheet: Sheet, entry: Entry): void {
  if (entry.isSent) return;
  const time = Math.floor(entry.time);
  sheet.ascii(`${time},${isoTime(time)},`);
  sheet.field(encodedLabel(entry.label));
  sheet.ascii(`,${entry.sequence ?? ''},`);
  if (entry.isText) {
    sheet.field(entry.bytes);
  } else {
    sheet.ascii('0x');
    sheet.hex(entry.bytes);
  }
  sheet.byte(CR);
  sheet.byte(LF);
}

/** One line of the log as text: date, time, label, what was said. */
export function logLine(sheet: Sheet, entry: Entry, written: string): void {
  const date = new Date(entry.time / 1000);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
  sheet.text(`${day} ${clock(date)} ${entry.isSent ? 'to ' : ''}${entry.label} ${written}\n`);
}
