/**
 * What the page needs to know about a session description's text. No WebRTC in here: only lines.
 */

export interface Candidate {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
}

/** SDP lines end in CRLF (RFC 8866); what comes out of an editor or a JSON string often does not. */
export function normalised(sdp: string): string {
  const lines = sdp.split(/\r\n|\r|\n/).map((line) => line.trimEnd()).filter((line) => line !== '');
  return lines.join('\r\n') + '\r\n';
}

function lines(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter((line) => line !== '');
}

/** The session part first, then one list of lines for each m-line. */
function sections(sdp: string): string[][] {
  const result: string[][] = [[]];
  for (const line of lines(sdp)) {
    if (line.startsWith('m=')) result.push([]);
    result[result.length - 1]!.push(line);
  }
  return result;
}

function attribute(section: string[], name: string): string | null {
  const line = section.find((text) => text.startsWith(`a=${name}:`));
  return line === undefined ? null : line.slice(name.length + 3).trim();
}

export function iceUfrag(sdp: string): string | null {
  return attribute(lines(sdp), 'ice-ufrag');
}

/** The bench answers every check and makes none (RFC 8445, section 2.5). */
export function isIceLite(sdp: string): boolean {
  return sections(sdp)[0]!.includes('a=ice-lite');
}

/** What all mids of a bench's offer end in, behind a dot; null where there is no such thing, or not one for all. */
export function offerTag(sdp: string): string | null {
  const mids = sections(sdp).slice(1).map((section) => attribute(section, 'mid') ?? '');
  const tags = new Set(mids.map((mid) => /\.([!-~]{4})$/.exec(mid)?.[1] ?? null));
  return tags.size === 1 ? [...tags][0]! : null;
}

export interface DataSection {
  /** The m-line itself. */
  line: string;
  mid: string | null;
  ufrag: string | null;
  password: string | null;
  fingerprint: string | null;
  sctpPort: string | null;
  maxMessageSize: string | null;
}

/** The m-line for data channels; what it leaves out is looked up in the session part. */
export function dataSection(sdp: string): DataSection | null {
  const [session = [], ...media] = sections(sdp);
  const section = media.find(([line = '']) => /^m=application (?!0 )\d+ \S*DTLS\/SCTP /.test(line));
  if (section === undefined) return null;
  const find = (name: string): string | null => attribute(section, name) ?? attribute(session, name);
  return {
    line: section[0]!,
    mid: find('mid'),
    ufrag: find('ice-ufrag'),
    password: find('ice-pwd'),
    fingerprint: find('fingerprint'),
    sctpPort: find('sctp-port'),
    maxMessageSize: find('max-message-size'),
  };
}

/** What stands behind `a=candidate:`, each way once: bundled m-lines repeat each other's. */
export function candidateValues(sdp: string): string[] {
  return [...new Set(lines(sdp).flatMap((line) => (line.startsWith('a=candidate:') ? [line.slice(12)] : [])))];
}

/** SHA-256 of the certificate that a description speaks of, 32 bytes; null if it tells another hash or none. */
export function fingerprintOf(sdp: string): Uint8Array | null {
  const text = /^a=fingerprint:sha-256 ([0-9a-f]{2}(?::[0-9a-f]{2}){31})\s*$/im.exec(sdp)?.[1];
  return text === undefined ? null : Uint8Array.from(text.split(':'), (pair) => parseInt(pair, 16));
}

/** As an `a=fingerprint` line has it (RFC 8122, section 5). */
export function fingerprintText(fingerprint: Uint8Array): string {
  return [...fingerprint].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
}

/** Without a fingerprint nobody can tell who is at the other end: such a description is refused. */
export function hasFingerprint(sdp: string): boolean {
  return /^a=fingerprint:\S+ \S+/m.test(sdp);
}

export function hasCandidates(sdp: string): boolean {
  return /^a=candidate:/m.test(sdp);
}

/** The offer that an answer says it belongs to, by that offer's ice-ufrag; null where the answer does not say. */
export function answerTo(sdp: string): string | null {
  return attribute(sections(sdp)[0]!, 'x-periscope-answer-to');
}

/**
 * The bench's offer as one that wants to begin the DTLS handshake itself, so that the browser's answer leaves it to
 * the bench (RFC 8842, section 5). A browser that begins sends its first message at once, to a bench that cannot answer
 * before a person has brought the answer: Chromium 156 gives up for good after 222 s of that.
 */
export function letBenchBegin(offer: string): string {
  return offer.replace(/^a=setup:actpass$/gm, 'a=setup:active');
}

/** The description without its candidates, and the candidates, to be handed to the browser later. */
export function withoutCandidates(sdp: string): { sdp: string; candidates: Candidate[] } {
  const kept: string[] = [];
  const candidates: Candidate[] = [];
  sections(sdp).forEach((section, index) => {
    const sdpMid = attribute(section, 'mid');
    for (const line of section) {
      if (line.startsWith('a=candidate:')) {
        candidates.push({ candidate: line.slice(2), sdpMid, sdpMLineIndex: index === 0 ? null : index - 1 });
      } else if (line !== 'a=end-of-candidates') {
        kept.push(line);
      }
    }
  });
  return { sdp: kept.join('\r\n') + '\r\n', candidates };
}

function opusPayloadTypes(section: string[]): string[] {
  return section.flatMap((line) => /^a=rtpmap:(\d+) opus\//i.exec(line)?.[1] ?? []);
}

function offersStereo(section: string[]): boolean {
  return opusPayloadTypes(section).some((type) =>
    section.some((line) => line.startsWith(`a=fmtp:${type} `) && /[ ;]sprop-stereo=1(;|\s|$)/.test(line)),
  );
}

/** With these parameters of Opus in place of those that `replaced` fits. */
function withParameters(section: string[], parameters: string[], replaced: RegExp): string[] {
  const types = opusPayloadTypes(section);
  const result: string[] = [];
  for (const line of section) {
    const type = types.find((t) => line.startsWith(`a=fmtp:${t} `));
    if (type === undefined) {
      result.push(line);
      continue;
    }
    const present = line.slice(`a=fmtp:${type} `.length).split(';').map((p) => p.trim());
    const others = present.filter((p) => p !== '' && !replaced.test(p));
    result.push(`a=fmtp:${type} ${[...others, ...parameters].join(';')}`);
  }
  for (const type of types) {
    if (!section.some((line) => line.startsWith(`a=fmtp:${type} `))) {
      const rtpmap = result.findIndex((line) => line.startsWith(`a=rtpmap:${type} `));
      result.splice(rtpmap + 1, 0, `a=fmtp:${type} ${parameters.join(';')}`);
    }
  }
  return result;
}

/**
 * The answer with its Opus lines asking for stereo wherever the offer says that it sends stereo. Chromium plays
 * Opus in mono unless its own answer asks for two channels.
 */
export function withStereo(answer: string, offer: string): string {
  const offered = sections(offer).slice(1);
  const stereoMids = new Set(offered.filter(offersStereo).map((section) => attribute(section, 'mid')));
  if (stereoMids.size === 0) return answer;
  const parts = sections(answer).map((section) =>
    section[0]?.startsWith('m=audio') && stereoMids.has(attribute(section, 'mid')) ? withParameters(section, ['stereo=1', 'sprop-stereo=1'], /^(sprop-)?stereo=/) : section,
  );
  return parts.flat().join('\r\n') + '\r\n';
}

/** Mids of the m-lines on which the bench would listen to this page. */
export function listeningMids(offer: string): string[] {
  return sections(offer)
    .slice(1)
    .filter(listens)
    .flatMap((section) => attribute(section, 'mid') ?? []);
}

function listens(section: string[]): boolean {
  const [line = ''] = section;
  // A line without a port is given up, unless it shares that of another one (RFC 9143, section 6).
  const isThere = !line.startsWith('m=audio 0 ') || section.includes('a=bundle-only');
  return line.startsWith('m=audio ') && isThere && section.includes('a=recvonly');
}

/** Milliseconds of sound in a packet. Chromium and Firefox send 20 unless `a=ptime` of the other side asks for less. */
const TALK_PTIME = 10;
/** Bits a second: speech at its best, with the redundancy for lost packets beside it. */
const TALK_BITRATE = 40_000;

/**
 * The offer as the browser is to understand it where the bench listens: speech in short packets. One channel, for
 * browsers code two of them for music, which knows no redundancy for lost packets.
 */
export function forSpeech(offer: string): string {
  if (listeningMids(offer).length === 0) return offer;
  const parts = sections(offer).map((section) => {
    if (!listens(section)) return section;
    const others = section.filter((line) => !/^a=(max)?ptime:/.test(line));
    return [...withParameters(others, ['useinbandfec=1', `maxaveragebitrate=${TALK_BITRATE}`], /^(stereo|useinbandfec|maxaveragebitrate)=/), `a=ptime:${TALK_PTIME}`];
  });
  return parts.flat().join('\r\n') + '\r\n';
}
