/**
 * Opens a session at a bench that serves its page (PROTOCOL.md, "WHEP"): one POST with the offer, one DELETE at the end.
 */

export interface BenchAddress {
  /** Scheme, host and port: `http://192.168.1.20:8080`. */
  base: string;
  key: string;
}

export interface WhepSession {
  answer: string;
  /** Where the session can be ended; null if the bench did not say, or named a place that is not its own. */
  location: string | null;
}

export type WhepFailure = 'unreachable' | 'wrong-key' | 'full' | 'not-a-bench' | 'refused';

export class WhepError extends Error {
  constructor(
    readonly failure: WhepFailure,
    /** What the bench said about it, where it said something. */
    readonly detail = '',
  ) {
    super(failure);
  }
}

export async function openSession(address: BenchAddress, offer: string, patience: number): Promise<WhepSession> {
  // A header cannot carry anything else, and no bench makes such keys.
  if (!/^[\x21-\x7e]+$/.test(address.key)) throw new WhepError('wrong-key');
  const url = `${address.base}/whep`;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patience);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${address.key}` },
      body: offer,
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: abort.signal,
    });
    const text = await response.text();
    if (response.status === 201 || response.status === 200) {
      return { answer: text, location: locationOf(response.headers.get('Location'), url) };
    }
    throw new WhepError(failureOf(response.status), remark(text));
  } catch (error) {
    throw error instanceof WhepError ? error : new WhepError('unreachable');
  } finally {
    clearTimeout(timer);
  }
}

/** Tells the bench that this page leaves. Survives the closing of the page. */
export function endSession(address: BenchAddress, location: string): void {
  fetch(location, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${address.key}` },
    keepalive: true,
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
  }).catch(() => undefined); // The bench notices by itself, a few seconds later.
}

export function failureOf(status: number): WhepFailure {
  if (status === 401 || status === 403) return 'wrong-key';
  if (status === 503 || status === 429) return 'full';
  if (status === 404 || status === 405 || status === 501) return 'not-a-bench';
  return 'refused';
}

/** The key goes to no other place than the bench that it belongs to. */
export function locationOf(header: string | null, requested: string): string | null {
  if (header === null) return null;
  try {
    const url = new URL(header, requested);
    return url.origin === new URL(requested).origin ? url.href : null;
  } catch {
    return null;
  }
}

/** A line of plain text that a bench sends with a refusal; an error page of some other server is of no use. */
function remark(text: string): string {
  const line = text.trim();
  return line.length <= 300 && !line.startsWith('<') && !line.includes('\n') ? line : '';
}
