/**
 * Keeps one RTCPeerConnection checking for as long as a person needs to carry the answer to the bench.
 *
 * On their own, browsers give up when the bench is silent: Chromium 156 after 15 seconds, Firefox 153 after 11. A
 * candidate that is added again makes them go on; measured over minutes, with a bench that did not answer anything:
 * - Chromium takes no notice of a candidate that it has seen. With another foundation and priority it is a new one.
 *   Its sockets close 30 seconds after the last check ended, so the next one must begin before that.
 * - Firefox gives up 5 seconds after the last check ended, unless another candidate came in between.
 */

import type { Candidate } from './sdp';

const EVERY = 3_000;

/** The same way to the bench under another name: `round` goes into the foundation and is taken off the priority. */
export function renamed(candidate: string, round: number): string {
  return candidate.replace(/^candidate:(\S+) (\d+) (\S+) (\d+)/, (_, foundation: string, component: string, transport: string, priority: string) => {
    const lower = Math.max(1, Number(priority) - round);
    return `candidate:${foundation.slice(0, 20)}${round} ${component} ${transport} ${lower}`;
  });
}

/** Bundled m-lines repeat the same candidates; each way to the bench is fed once. */
function distinct(candidates: Candidate[]): Candidate[] {
  const way = ({ candidate }: Candidate): string => candidate.split(' ').slice(1, 3).concat(candidate.split(' ').slice(4)).join(' ');
  return [...new Map([...candidates].reverse().map((candidate) => [way(candidate), candidate])).values()].reverse();
}

/**
 * Feeds the bench's candidates to the connection until it is connected or closed, or the function that this returns
 * is called. The bench's offer must have been applied without them.
 */
export function keepChecking(pc: RTCPeerConnection, candidates: Candidate[]): () => void {
  const ways = distinct(candidates);
  let round = 0;
  const feed = (): void => {
    if (pc.connectionState === 'connected' || pc.signalingState === 'closed') {
      stop();
      return;
    }
    for (const { candidate, ...line } of ways) {
      // A candidate that this browser cannot use (another IP version, a name) must not keep it from the others.
      pc.addIceCandidate({ candidate: renamed(candidate, round), ...line }).catch(() => undefined);
    }
    round++;
  };
  // The timer alone would not do: while the person looks at the bench's terminal this page may be out of sight, and
  // after five minutes of that Chromium lets timers run once a minute. Events come at once.
  const gaveUp = (): void => {
    if (pc.iceConnectionState === 'disconnected' || pc.iceConnectionState === 'failed') feed();
  };
  const stop = (): void => {
    clearInterval(timer);
    pc.removeEventListener('iceconnectionstatechange', gaveUp);
  };
  pc.addEventListener('iceconnectionstatechange', gaveUp);
  const timer = setInterval(feed, EVERY);
  feed();
  return stop;
}
