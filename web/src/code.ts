/**
 * The short texts that people carry: the bench's code, which connects by itself, and the page's short answer to an
 * offer (PROTOCOL.md, "Codes" and "The short answer"). Pure.
 */

import { hkdf } from '@noble/hashes/hkdf';
import { sha256 } from '@noble/hashes/sha2';
import { fromBase64Url, toBase64, toBase64Url } from './base64';

/** What a bench's code says. */
export interface Code {
  rights: 'view' | 'control';
  /** 16 bytes; whoever knows them may connect. */
  secret: Uint8Array;
  /** SHA-256 of the bench's certificate, 32 bytes. */
  fingerprint: Uint8Array;
  /** The UDP port. */
  port: number;
  /** IPv4 addresses, then IPv6 addresses, as text. */
  addresses: string[];
}

/** A text that was meant to be a code, and why it is none. */
export type CodeTrouble = 'cut-off' | 'other-version' | 'short-answer';

const VERSION = 1;
const SHORT_ANSWER = 2;
const HEAD = 51;
const MOST_ADDRESSES = 8;
/** The characters of a code with all the addresses that it may have. */
const LONGEST = 282;
const SHORT_ANSWER_LENGTH = 37;
/** A longer run of base64url than any key that a bench makes is a code, or was one. */
const LOOKS_LIKE_CODE = 40;

// ---- The code ---------------------------------------------------------------------------------------------------

/** Reads exactly a code, without anything around it. */
export function parseCode(text: string): Code | CodeTrouble {
  const bytes = text.length > LONGEST ? null : fromBase64Url(text);
  if (bytes === null) return 'cut-off';
  const [first = 0] = bytes;
  if (first === SHORT_ANSWER << 5 && bytes.length === SHORT_ANSWER_LENGTH) return 'short-answer';
  if (first >> 5 !== VERSION) return 'other-version';
  const fours = first & 15;
  const sixes = (bytes.length - HEAD - 4 * fours) / 16;
  if (fours > MOST_ADDRESSES || !Number.isInteger(sixes) || sixes < 0 || sixes > MOST_ADDRESSES || fours + sixes === 0) return 'cut-off';
  const port = (bytes[49]! << 8) | bytes[50]!;
  if (port === 0) return 'cut-off';
  const addresses: string[] = [];
  for (let at = HEAD; at < HEAD + 4 * fours; at += 4) addresses.push(bytes.subarray(at, at + 4).join('.'));
  for (let at = HEAD + 4 * fours; at < bytes.length; at += 16) addresses.push(ipv6(bytes.subarray(at, at + 16)));
  return {
    rights: (first & 16) === 0 ? 'view' : 'control',
    secret: bytes.slice(1, 17),
    fingerprint: bytes.slice(17, 49),
    port,
    addresses,
  };
}

function ipv6(bytes: Uint8Array): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(':');
}

/** What a code gives to the connection: its public id, and the password of whoever comes with it. */
export function derived({ secret }: Code): { id: string; password: string } {
  const derive = (what: string, length: number): string => toBase64(hkdf(sha256, secret, undefined, `periscope/1 ${what}`, length));
  return { id: derive('id', 3), password: derive('pwd', 24) };
}

/** The name by which the bench can be found when its address has changed. */
export function hostName({ fingerprint }: Pick<Code, 'fingerprint'>): string {
  const hex = [...fingerprint.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `periscope-${hex}.local`;
}

// ---- Finding a code in what was pasted ------------------------------------------------------------------------------

/** How many pieces one code may be torn into, by line breaks or spaces. */
const MOST_PIECES = 24;
/** Nobody hides a code in a longer text, nor in a longer word: an address is shorter. */
const LONGEST_TEXT = 20_000;
const LONGEST_WORD = 1_000;
/** The characters of the shortest code, one IPv4 address, and with which of them it can begin. */
const SHORTEST = 74;
const BEGINNING = /^[I-P]/;
const AROUND = /^.*[^\w-](?=[\w-]*$)/;

/** The code that a text holds, wherever it stands, with its canonical text; null if there is none. */
export function findCode(text: string): { code: Code; text: string } | null {
  const words = wordsOf(text);
  for (let first = 0; first < words.length; first++) {
    let joined = '';
    for (let next = first; next < words.length && next < first + MOST_PIECES; next++) {
      const word = withoutTail(words[next]!);
      // Before the code there may be anything (a quotation mark, `code:`, an address with `#`), within it nothing.
      const piece = next === first ? word.replace(AROUND, '') : word;
      if (!/^[\w-]+$/.test(piece) || (next === first && !BEGINNING.test(piece))) break;
      joined += piece;
      if (joined.length > LONGEST) break;
      const code = joined.length < SHORTEST ? 'cut-off' : parseCode(joined);
      if (typeof code !== 'string') return { code, text: joined };
      if (word !== words[next]) break;
    }
  }
  return null;
}

/** Why a text that holds no code looks as if it was meant to be one; null if it does not look so. */
export function troubleWith(text: string): CodeTrouble | null {
  const run = wordsOf(text).map((word) => withoutTail(word).replace(AROUND, '')).find((word) => word.length >= LOOKS_LIKE_CODE && /^[\w-]+$/.test(word));
  if (run === undefined) return /^\s*periscope:\s*code\b/.test(text) ? 'cut-off' : null;
  const trouble = parseCode(run);
  if (trouble === 'short-answer') return trouble;
  // The first character holds the version, whatever became of the rest.
  return fromBase64Url(`${run[0]}A`)![0]! >> 5 === VERSION ? 'cut-off' : 'other-version';
}

function wordsOf(text: string): string[] {
  const words = text.length > LONGEST_TEXT ? [] : text.split(/\s+/).filter((word) => word !== '');
  // A word that is too long stays in its place: what stands before and behind it is not one code.
  return words.map((word) => (word.length > LONGEST_WORD ? '/' : hyphenated(word)));
}

/** Two hyphens become a dash in many a text program. */
function hyphenated(word: string): string {
  return word.replace(/[\u2010-\u2013\u2212]/g, '-').replace(/\u2014/g, '--');
}

function withoutTail(word: string): string {
  return word.replace(/[^\w-]+$/, '');
}

// ---- The short answer -------------------------------------------------------------------------------------------

/** What the page gives back for the offer with this tag: 50 characters. */
export function shortAnswer(tag: string, fingerprint: Uint8Array): string {
  const bytes = new Uint8Array(SHORT_ANSWER_LENGTH);
  bytes[0] = SHORT_ANSWER << 5;
  for (let i = 0; i < 4; i++) bytes[1 + i] = tag.charCodeAt(i);
  bytes.set(fingerprint, 5);
  return toBase64Url(bytes);
}
