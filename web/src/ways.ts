/**
 * The ways to a bench, and how a connection is opened on those that the page can take without a person.
 */

import { answerOf, benchOf } from './bench';
import type { Code } from './code';
import type { Connection } from './connection';
import * as sdp from './sdp';
import { endSession, openSession, WhepError, type BenchAddress } from './whep';

/** A bench to which the page comes back by itself. */
export type Home = { kind: 'code'; code: Code; text: string } | { kind: 'whep'; address: BenchAddress };

export type Way =
  | { kind: 'code'; home: Home }
  | { kind: 'whep'; home: Home; address: BenchAddress; location: string | null }
  | { kind: 'paste'; answer: string | null; short: ShortAnswer | null };

/** What makes the answer that the person carries good for more than one connection. */
export interface ShortAnswer {
  /** Makes another one. */
  remake(): Promise<void>;
  /** What to say if the bench cannot be reached. */
  unreached: string;
}

export interface Session {
  connection: Connection;
  way: Way;
}

/** A bench on the LAN finds us by a few candidates. */
const GATHER_FOR_BENCH = 1_000;
const LIMITS = {
  first: { code: 4_000, request: 8_000, whep: 10_000 },
  again: { code: 2_000, request: 3_000, whep: 5_000 },
};

export type Pace = keyof typeof LIMITS;

export function wayTo(home: Home): Way {
  return home.kind === 'code' ? { kind: 'code', home } : { kind: 'whep', home, address: home.address, location: null };
}

/** Starts to connect. Rejects with a `WhepError` where the bench at an address gives no session. */
export async function open(session: Session, pace: Pace): Promise<void> {
  const { connection, way } = session;
  const limits = LIMITS[pace];
  if (way.kind === 'code' && way.home.kind === 'code') {
    const { code } = way.home;
    await connection.meet((offer) => {
      const own = sdp.fingerprintOf(offer);
      if (own === null) throw new Error('the browser’s offer has no SHA-256 fingerprint');
      return answerOf(benchOf(code, own, servedFrom(location, code)), offer);
    }, limits.code);
  } else if (way.kind === 'whep') {
    const offer = await connection.makeOffer(GATHER_FOR_BENCH);
    const { answer, location } = await openSession(way.address, offer, limits.request);
    way.location = location;
    if (connection.isOver) return close(session);
    if (!sdp.hasFingerprint(answer)) throw new WhepError('not-a-bench');
    await connection.takeAnswer(sdp.normalised(answer), limits.whep);
  }
}

/** Ends it on both sides. */
export function close({ connection, way }: Session, why = ''): void {
  connection.close(why);
  if (way.kind === 'whep' && way.location !== null) endSession(way.address, way.location);
}

/**
 * The address that this page came from, if it can be the bench's: one port number serves the page and the connection.
 * A code from before the bench got another address works again on a page that was opened from the new one.
 */
export function servedFrom(location: Pick<Location, 'protocol' | 'hostname' | 'port'>, code: Code): string[] {
  const host = location.hostname.replace(/^\[|\]$/g, '');
  const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
  return location.protocol.startsWith('http') && Number(location.port) === code.port && isAddress ? [host] : [];
}
