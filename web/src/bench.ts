/**
 * The bench's answer as the page writes it itself: the page's own data-only offer never leaves the page
 * (PROTOCOL.md, "The connection by code" and "The short answer"). Pure.
 */

import { toBase64 } from './base64';
import { derived, hostName, type Code } from './code';
import * as sdp from './sdp';

/** What the page knows of a bench that has not said a word yet. */
export interface Bench {
  ufrag: string;
  password: string;
  /** The value of an `a=fingerprint` line. */
  fingerprint: string;
  /** Values of `a=candidate` lines. */
  candidates: string[];
  /** Who begins the DTLS handshake: `passive` leaves it to the browser, `active` to the bench. */
  setup: 'passive' | 'active';
  sctpPort: string;
  maxMessageSize: string;
}

/** Local preference of the first candidate; each further one has one less (RFC 8445, section 5.1.2.1). */
const PREFERENCE = 65_535;
const HOST = 126;

/**
 * The bench that a code leads to. `own` is the fingerprint of the page's certificate, which the bench reads from the
 * ufrag; `alsoAt` are addresses at which the bench may be besides those in its code.
 */
export function benchOf(code: Code, own: Uint8Array, alsoAt: string[] = []): Bench {
  const { id, password } = derived(code);
  const hosts = [...new Set([...code.addresses, ...alsoAt, hostName(code)])];
  return {
    ufrag: id + toBase64(own),
    password,
    fingerprint: `sha-256 ${sdp.fingerprintText(code.fingerprint)}`,
    candidates: hosts.map((host, index) => {
      const priority = HOST * 2 ** 24 + (PREFERENCE - index) * 2 ** 8 + 255;
      return `${index + 1} 1 udp ${priority} ${host} ${code.port} typ host`;
    }),
    setup: 'passive',
    sctpPort: '5000',
    maxMessageSize: '65536',
  };
}

/** The bench's answer to `offer`, the page's own. */
export function answerOf(bench: Bench, offer: string): string {
  const data = sdp.dataSection(offer);
  if (data === null) throw new Error('the browser’s own offer has no data channel');
  const mid = data.mid ?? '0';
  return [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${mid}`,
    data.line,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    `a=ice-ufrag:${bench.ufrag}`,
    `a=ice-pwd:${bench.password}`,
    `a=fingerprint:${bench.fingerprint}`,
    `a=setup:${bench.setup}`,
    `a=sctp-port:${bench.sctpPort}`,
    `a=max-message-size:${bench.maxMessageSize}`,
    ...bench.candidates.map((candidate) => `a=candidate:${candidate}`),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}

export interface OfferingBench {
  bench: Bench;
  /** By which the bench knows to which of its offers a short answer belongs. */
  tag: string;
}

/**
 * The bench that made a pasted offer; null where the offer is one
 * that wants a full answer.
 */
export function benchOfOffer(offer: string): OfferingBench | null {
  const data = sdp.dataSection(offer);
  const tag = sdp.offerTag(offer);
  if (data === null || tag === null || !sdp.isIceLite(offer)) return null;
  const { ufrag, password, fingerprint } = data;
  if (ufrag === null || password === null || fingerprint === null) return null;
  return {
    tag,
    bench: {
      ufrag,
      password,
      fingerprint,
      candidates: sdp.candidateValues(offer),
      setup: 'active',
      sctpPort: data.sctpPort ?? '5000',
      maxMessageSize: data.maxMessageSize ?? '65536',
    },
  };
}
