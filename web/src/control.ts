/**
 * The messages of the control channel (PROTOCOL.md, "The control channel"). Pure.
 */

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

/** The version of the protocol that this page speaks. */
export const VERSION = 1;

export type FromBench =
  | Welcome
  | { type: 'offer'; id: number; sdp: string }
  | { type: 'pong'; t: number }
  | { type: 'error'; text: string }
  | { type: 'bye'; text: string };

export type FromPage =
  | { type: 'hello'; version: typeof VERSION; codecs: string[] }
  | { type: 'answer'; id: number; sdp: string }
  | { type: 'ping'; t: number }
  | { type: 'bye'; text: string };

/** What arrived, or null for what this page does not know or cannot use: that is ignored. */
export function parse(text: string): FromBench | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
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
      return typeof message['t'] === 'number' ? { type: 'pong', t: message['t'] } : null;
    case 'error':
    case 'bye':
      return { type: message['type'], text: typeof message['text'] === 'string' ? message['text'] : '' };
    default:
      return null;
  }
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
