/**
 * The messages of the control channel (PROTOCOL.md, "The control channel"). Pure.
 */

import type { BenchTime } from './age';

export interface Stream {
  /** Which m-line carries it; null where it is not negotiated with this page. */
  mid: string | null;
  kind: 'video' | 'audio';
  name: string;
}

export interface Welcome {
  type: 'welcome';
  /** Of the protocol; null where the bench does not say. */
  version: number | null;
  name: string;
  peer: number | null;
  /** `view`: the bench takes nothing that this page sends to its instruments. */
  rights: 'view' | 'control';
  streams: Stream[];
  channels: string[];
}

/** How an instrument is, and whether it takes commands. */
export interface InstrumentState {
  type: 'instrument';
  label: string;
  /** `waiting`: unplugged or not there. */
  state: 'open' | 'waiting' | 'none';
  text: string;
  /** As the bench has it; null: none; undefined: as it was said before. */
  profile: unknown;
  sends: boolean;
  transmitting: boolean;
  /** Its transmitter can be keyed by talking. */
  keys: boolean;
}

/** Who sends commands. */
export interface Arbitration {
  type: 'control';
  /** Numbers of viewers, as in the welcome. */
  holder: number | null;
  you: 'none' | 'waiting' | 'holder';
  waiting: number[];
  /** Milliseconds until a request without an answer takes control; -1: never. */
  timeout: number;
}

/** Who talks, and whether this page may. */
export interface Talk {
  type: 'talk';
  /** The m-line for this page's microphone; null: none, or none yet. */
  mid: string | null;
  /** Whether everybody may talk at once, one at a time, or nobody. */
  floor: 'all' | 'one' | 'none';
  you: 'none' | 'talking' | 'refused';
  /** Why this page may not; empty if it may. */
  reason: string;
  /** Numbers of viewers, as in the welcome. */
  talking: number[];
}

/** The bench has told an instrument to stop what it does, and why. */
export interface Safe {
  type: 'safe';
  label: string | null;
  reason: string;
}

/** A command of this page did not go out. */
export interface Refused {
  type: 'refused';
  label: string;
  reason: string;
  /** How the command began. */
  text: string;
  /** So many others were refused with it. */
  more: number;
}

/** The version of the protocol that this page speaks. */
export const VERSION = 1;

/** What this page can do beyond it. */
export const FEATURES = ['batch', 'heartbeat', 'talk'] as const;

export type FromBench =
  | Welcome
  | { type: 'offer'; id: number; sdp: string }
  | InstrumentState
  | Arbitration
  | Talk
  | Safe
  | Refused
  /** `time`: null where the bench does not say. */
  | { type: 'pong'; t: number; time: BenchTime | null }
  | { type: 'error'; text: string }
  | { type: 'bye'; text: string };

export type FromPage =
  | { type: 'hello'; version: typeof VERSION; codecs: string[]; features: readonly string[] }
  | { type: 'answer'; id: number; sdp: string }
  | { type: 'ping'; t: number }
  | Ask
  | { type: 'talk'; on: true; transmit: readonly string[] }
  | { type: 'talk'; on: false }
  /** So many milliseconds of sound are to be left out, because they would only wait in this browser. */
  | { type: 'skip'; mid: string; ms: number }
  | { type: 'bye'; text: string };

/** What a person wants of control: to have it, to let go of it, to hand it over, or to keep it from all who ask. */
export type Ask = { type: 'take' } | { type: 'release' } | { type: 'give'; to: number } | { type: 'keep' };

/** What arrived, or null for what this page does not know or cannot use: that is ignored. */
export function parse(json: string): FromBench | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const message = value as Record<string, unknown>;
  switch (message['type']) {
    case 'welcome':
      return welcome(message);
    case 'offer': {
      const { id, sdp } = message;
      return typeof id === 'number' && typeof sdp === 'string' ? { type: 'offer', id, sdp } : null;
    }
    case 'pong':
      return typeof message['t'] === 'number' ? { type: 'pong', t: message['t'], time: time(message) } : null;
    case 'instrument':
      return instrument(message);
    case 'control':
      return arbitration(message);
    case 'talk':
      return talk(message);
    case 'safe':
      return { type: 'safe', label: typeof message['label'] === 'string' ? message['label'] : null, reason: text(message['reason']) };
    case 'refused':
      return { type: 'refused', label: text(message['label']), reason: text(message['reason']), text: text(message['text']), more: count(message['more']) };
    case 'error':
    case 'bye':
      return { type: message['type'], text: text(message['text']) };
    default:
      return null;
  }
}

function time({ now, video }: Record<string, unknown>): BenchTime | null {
  if (typeof now !== 'number' || typeof video !== 'object' || video === null) return null;
  const begins = Object.entries(video).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return { now, video: new Map(begins) };
}

function welcome(message: Record<string, unknown>): Welcome {
  const { version, name, peer, rights, streams, channels } = message;
  return {
    type: 'welcome',
    version: typeof version === 'number' ? version : null,
    name: typeof name === 'string' ? name : '',
    peer: typeof peer === 'number' ? peer : null,
    // A bench that says nothing about rights has none to give: everybody may control.
    rights: rights === 'view' ? 'view' : 'control',
    streams: Array.isArray(streams) ? streams.flatMap(stream) : [],
    channels: Array.isArray(channels) ? channels.filter((label): label is string => typeof label === 'string') : [],
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

function instrument(message: Record<string, unknown>): InstrumentState | null {
  const { label, state, profile, sends, transmitting, keys } = message;
  if (typeof label !== 'string') return null;
  return {
    type: 'instrument',
    label,
    state: state === 'open' || state === 'waiting' ? state : 'none',
    text: text(message['text']),
    profile,
    sends: sends === true,
    transmitting: transmitting === true,
    keys: keys === true,
  };
}

function arbitration(message: Record<string, unknown>): Arbitration {
  const { holder, you, waiting, timeout } = message;
  return {
    type: 'control',
    holder: typeof holder === 'number' ? holder : null,
    you: you === 'holder' || you === 'waiting' ? you : 'none',
    waiting: numbers(waiting),
    timeout: typeof timeout === 'number' ? timeout : -1,
  };
}

function talk(message: Record<string, unknown>): Talk {
  const { mid, floor, you, reason, talking } = message;
  return {
    type: 'talk',
    mid: typeof mid === 'string' ? mid : null,
    floor: floor === 'one' || floor === 'none' ? floor : 'all',
    you: you === 'talking' || you === 'refused' ? you : 'none',
    reason: text(reason),
    talking: numbers(talking),
  };
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((one): one is number => typeof one === 'number') : [];
}

function stream(value: unknown): Stream[] {
  if (typeof value !== 'object' || value === null) return [];
  const { mid, kind, name } = value as Record<string, unknown>;
  if (kind !== 'video' && kind !== 'audio') return [];
  return [{ mid: typeof mid === 'string' ? mid : null, kind, name: typeof name === 'string' ? name : kind }];
}

/** Repair and redundancy formats: they carry no picture or sound of their own. */
const HELPERS = /\/(rtx|red|ulpfec|flexfec-03|flexfec|CN|telephone-event)$/i;

/** MIME types of codecs, each once, in the browser's order of preference. */
export function codecNames(mimeTypes: string[]): string[] {
  return [...new Set(mimeTypes.filter((name) => !HELPERS.test(name)))];
}
