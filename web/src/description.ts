/**
 * Reads what a person pasted, and writes what a person carries away.
 *
 * A paste comes out of a terminal, a mail or a chat: with a prompt in front, quoted with `>`, wrapped at some column,
 * inside a code fence, with curly quotes and with a greeting around it. So every reader here looks for its own
 * beginning in the text and stops at its own end.
 */

import { findCode, troubleWith, type Code, type CodeTrouble } from './code';
import { normalised } from './sdp';

export type SdpType = 'offer' | 'answer';

export interface Description {
  type: SdpType;
  sdp: string;
}

export type Pasted =
  | ({ kind: 'description' } & Description)
  | { kind: 'code'; code: Code; text: string }
  | { kind: 'no-code'; why: CodeTrouble }
  | { kind: 'address'; base: string; key: string }
  | { kind: 'key'; key: string }
  | { kind: 'unreadable'; why: 'empty' | 'cut-off' | 'too-long' | 'unknown' };

/** Far above any description (60 streams make about 100 kB), far below what would stall the page. */
const LONGEST = 1_000_000;
/** How many beginnings are tried in one paste: a real one is among the first. */
const MOST_STARTS = 10;
const QUOTE_MARK = /^[ \t]*(?:[>|][ \t]?)+/;

export function write(description: Description): string {
  return btoa(JSON.stringify({ type: description.type, sdp: description.sdp }));
}

export function read(pasted: string): Pasted {
  if (pasted.trim() === '') return { kind: 'unreadable', why: 'empty' };
  if (pasted.length > LONGEST) return { kind: 'unreadable', why: 'too-long' };
  const text = tidy(pasted);
  const description = readJson(text) ?? readBase64(text) ?? readPlain(text);
  if (description !== null) return { kind: 'description', ...description };
  const found = findCode(text);
  if (found !== null) return { kind: 'code', ...found };
  // Before addresses: the header extensions in a description are named by addresses, too.
  if (looksCutOff(text)) return { kind: 'unreadable', why: 'cut-off' };
  const address = readAddress(text);
  if (address !== null) return address;
  const why = troubleWith(text);
  if (why !== null) return { kind: 'no-code', why };
  return KEY.test(text.trim()) ? { kind: 'key', key: text.trim() } : { kind: 'unreadable', why: 'unknown' };
}

/** A key as benches make them: 128 bits in base64url. */
const KEY = /^[\w-]{22}$/;

/** Undoes what mail and chat programs do to characters and line beginnings. */
function tidy(text: string): string {
  return text
    .replace(/[\u200b-\u200d\u2060\ufeff\u00ad]/g, '')
    .replace(/[\u00a0\u2007\u202f]/g, ' ')
    .replace(/[\u201c-\u201f\u2033\u00ab\u00bb]/g, '"')
    .replace(/\r\n?|\u2028|\u2029/g, '\n')
    .split('\n')
    .map((line) => line.replace(QUOTE_MARK, ''))
    .filter((line) => !/^\s*(```|~~~)/.test(line))
    .join('\n');
}

// ---- JSON -----------------------------------------------------------------------------------------------------

/** The text of the object that begins at `start`, up to its closing brace; null if it never closes. */
function balanced(text: string, start: number): string | null {
  let depth = 0;
  let quoted = false;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') {
      quoted = true;
    } else if (c === '{') {
      depth++;
    } else if (c === '}' && --depth === 0) {
      return text.slice(start, i + 1);
    }
  }
  return null;
}

function readJson(text: string): Description | null {
  let start = -1;
  for (let tries = 0; tries < MOST_STARTS; tries++) {
    start = text.indexOf('{', start + 1);
    if (start === -1) return null;
    const object = balanced(text, start);
    if (object === null) continue;
    // A line break inside a JSON string is where a mail program wrapped it. It stands for nothing where the line was
    // cut anywhere, and for the space that it replaced where the line was cut between words.
    for (const joint of ['', ' ']) {
      const description = fromJson(object.replace(/\n/g, joint));
      if (description !== null) return description;
    }
  }
  return null;
}

function fromJson(json: string): Description | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  let { type, sdp } = value as { type?: unknown; sdp?: unknown };
  // Some projects print {"sdp": {"type": …, "sdp": …}}.
  if (typeof sdp === 'object' && sdp !== null) ({ type, sdp } = sdp as { type?: unknown; sdp?: unknown });
  if ((type !== 'offer' && type !== 'answer') || typeof sdp !== 'string') return null;
  return plausible(sdp) ? { type, sdp: normalised(sdp) } : null;
}

// ---- Base64 ---------------------------------------------------------------------------------------------------

/** How base64 of `{"`, `{ `, `{` and a line break, and `v=0` begins. */
const BASE64_START = /eyJ|eyA|ew[0o]|dj0w/g;

function readBase64(text: string): Description | null {
  for (const match of [...text.matchAll(BASE64_START)].slice(0, MOST_STARTS)) {
    // Words that follow the code without a padding sign in between are decoded along with it; the readers below stop
    // at the end of what they look for.
    const run = /^[A-Za-z0-9+/_\-\s]+/.exec(text.slice(match.index))?.[0] ?? '';
    const decoded = decode(run);
    if (decoded === null) continue;
    const description = decoded.startsWith('v=0') ? readPlain(decoded) : readJson(decoded);
    if (description !== null) return description;
  }
  return null;
}

function decode(base64: string): string | null {
  const compact = base64.replace(/\s/g, '').replace(/-/g, '+').replace(/_/g, '/');
  try {
    const characters = atob(compact.slice(0, compact.length - (compact.length % 4 === 1 ? 1 : 0)));
    const bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
    return new TextDecoder().decode(bytes);
  } catch {
    return null;
  }
}

// ---- Plain SDP ------------------------------------------------------------------------------------------------

/** Mail programs wrap lines near column 72; a shorter line that is followed by something else simply ended. */
const WRAPPED_FROM = 60;

function readPlain(text: string): Description | null {
  // A string literal copied out of a program or a log.
  const source = /v=0(\\r)?\\n/.test(text) ? text.replace(/(\\r)?\\n/g, '\n') : text;
  const start = /^[ \t]*v=0[ \t]*$/m.exec(source);
  if (start === null) return null;
  for (const joint of ['', ' ']) {
    const sdp = unwrapped(source.slice(start.index), joint);
    if (plausible(sdp)) return { type: plainType(sdp), sdp: normalised(sdp) };
  }
  return null;
}

function unwrapped(text: string, joint: string): string {
  const result: string[] = [];
  let previous = 0;
  for (const line of text.split('\n')) {
    const bare = line.trimStart();
    if (/^[a-z]=/.test(bare)) result.push(bare);
    else if (bare.trim() === '') continue;
    else if (previous >= WRAPPED_FROM) result[result.length - 1] += joint + bare;
    else break;
    previous = line.length;
  }
  return result.join('\n');
}

/** Plain SDP does not say what it is; who may choose the DTLS role does: the offerer leaves it open. */
function plainType(sdp: string): SdpType {
  if (/^a=x-periscope-answer-to:/m.test(sdp)) return 'answer';
  if (/^a=setup:actpass/m.test(sdp)) return 'offer';
  return /^a=setup:(active|passive)/m.test(sdp) ? 'answer' : 'offer';
}

/** Every line is one that a browser would read, and the lines that wrapping breaks most often are whole. */
function plausible(sdp: string): boolean {
  const lines = normalised(sdp).trimEnd().split('\r\n');
  if (lines[0] !== 'v=0' || !lines.some((line) => line.startsWith('m='))) return false;
  return lines.every((line) => {
    if (line.startsWith('m=')) return /^m=\S+ \S+ \S+ \S+/.test(line);
    if (line.startsWith('o=')) return line.split(' ').length === 6;
    if (line.startsWith('a=candidate:')) return /^a=candidate:\S+ \d+ \S+ \d+ \S+ \d+ typ \S+/i.test(line);
    if (line.startsWith('a=fingerprint:')) return /^a=fingerprint:\S+ [0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(line);
    return /^[a-z]=/.test(line);
  });
}

// ---- Address --------------------------------------------------------------------------------------------------

function readAddress(text: string): Pasted | null {
  const found = /https?:\/\/[^\s<>"'`]+/i.exec(text)?.[0] ?? /(?:^|\s)([\w.\-[\]:]+(?::\d+)\/?#[^\s<>"'`]+)/.exec(text)?.[1];
  if (found === undefined) return null;
  try {
    const url = new URL(/^https?:/i.test(found) ? found : `http://${found}`);
    return { kind: 'address', base: url.origin, key: keyOf(url.hash) };
  } catch {
    return null;
  }
}

/** The key in a page address's fragment. Chat programs like to add a full stop or a bracket behind an address. */
export function keyOf(hash: string): string {
  return hash.replace(/^#/, '').trim().replace(/[).,;:!?\]]+$/, '');
}

function looksCutOff(text: string): boolean {
  return /(^|\s)(eyJ0|eyJz|dj0w)[A-Za-z0-9+/\s]*/.test(text) || /\{\s*"(type|sdp)"\s*:/.test(text) || /^v=0\s*$/m.test(text);
}
