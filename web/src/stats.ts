/**
 * The statistics line: from the browser's counters to words and units. `measure` and `words` are pure.
 */

export interface Sample {
  /** Milliseconds, as the browser stamped its report. */
  time: number;
  bytes: number;
  frames: number;
  dropped: number;
  decoded: number;
  /** Seconds that all decoded frames together spent in this browser before they could be shown. */
  delay: number | null;
  /** How old frames are when they are shown, in milliseconds. */
  age: number | null;
  width: number;
  height: number;
  codec: string;
  /** Milliseconds. */
  roundTrip: number | null;
}

export type Entry = Record<string, unknown>;

/** All entries of a connection's statistics. */
export async function statisticsOf(connection: RTCPeerConnection): Promise<Entry[]> {
  const entries: Entry[] = [];
  (await connection.getStats()).forEach((entry: Entry) => entries.push(entry));
  return entries;
}

function numeric(entry: Entry | undefined, name: string): number | null {
  const value = entry?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Picks from a report what the line says about the video with this mid (about all audio where mid is null). */
export function measure(report: Iterable<Entry>, mid: string | null, now: number): Sample {
  const entries = [...report];
  const byId = new Map(entries.map((entry) => [entry['id'], entry]));
  const kind = mid === null ? 'audio' : 'video';
  const inbound = entries.filter((e) => e['type'] === 'inbound-rtp' && e['kind'] === kind && (mid === null || e['mid'] === mid));
  const first = inbound[0];
  const mime = byId.get(first?.['codecId'])?.['mimeType'];
  return {
    time: numeric(first, 'timestamp') ?? now,
    bytes: inbound.reduce((sum, entry) => sum + (numeric(entry, 'bytesReceived') ?? 0), 0),
    frames: numeric(first, 'framesReceived') ?? numeric(first, 'framesDecoded') ?? 0,
    dropped: numeric(first, 'framesDropped') ?? 0,
    decoded: numeric(first, 'framesDecoded') ?? 0,
    delay: numeric(first, 'totalProcessingDelay') ?? numeric(first, 'jitterBufferDelay'),
    age: null,
    width: numeric(first, 'frameWidth') ?? 0,
    height: numeric(first, 'frameHeight') ?? 0,
    codec: typeof mime === 'string' ? mime.replace(/^\w+\//, '') : '',
    roundTrip: iceRoundTrip(entries, byId),
  };
}

/** All that has come from the bench, whatever it was. */
export function bytesReceived(entries: Entry[]): number {
  // Not all browsers count at the transport.
  return entries.reduce((sum, entry) => sum + (entry['type'] === 'candidate-pair' ? (numeric(entry, 'bytesReceived') ?? 0) : 0), 0);
}

function iceRoundTrip(entries: Entry[], byId: Map<unknown, Entry>): number | null {
  const transport = entries.find((entry) => entry['type'] === 'transport');
  const pair =
    byId.get(transport?.['selectedCandidatePairId']) ??
    entries.find((entry) => entry['type'] === 'candidate-pair' && (entry['selected'] === true || (entry['nominated'] === true && entry['state'] === 'succeeded')));
  const seconds = numeric(pair, 'currentRoundTripTime');
  return seconds === null ? null : seconds * 1000;
}

const CODECS: Record<string, string> = { H264: 'H.264', H265: 'H.265', opus: 'Opus' };

/** The line: "1280×720 · 30 frames/s · 2.4 Mbit/s · 3 ms round trip · H.264". Empty parts are left out. */
export function words(before: Sample | null, now: Sample): string {
  const parts: string[] = [];
  if (now.width > 0) parts.push(`${now.width}×${now.height}`);
  // A counter that runs backwards belongs to another stream than the sample before.
  if (before !== null && now.time > before.time && now.bytes >= before.bytes && now.frames >= before.frames) {
    const seconds = (now.time - before.time) / 1000;
    if (now.width > 0) parts.push(`${Math.round((now.frames - before.frames) / seconds)} frames/s`);
    parts.push(rate(((now.bytes - before.bytes) * 8) / seconds));
  }
  if (now.roundTrip !== null) parts.push(`${milliseconds(now.roundTrip)} round trip`);
  if (now.codec !== '') parts.push(CODECS[now.codec] ?? now.codec);
  if (now.age !== null) parts.push(`${milliseconds(now.age)} behind the bench`);
  else if (before !== null && now.delay !== null && before.delay !== null && now.decoded > before.decoded) {
    const delay = ((now.delay - before.delay) / (now.decoded - before.decoded)) * 1000;
    if (delay >= 0) parts.push(`${milliseconds(delay)} in this browser`);
  }
  if (now.dropped > 0) parts.push(`${now.dropped} ${now.dropped === 1 ? 'frame' : 'frames'} dropped`);
  return parts.join(' · ');
}

function milliseconds(value: number): string {
  return value < 1 ? 'under 1 ms' : `${Math.round(value)} ms`;
}

function rate(bitsPerSecond: number): string {
  return bitsPerSecond < 999_500 ? `${Math.round(bitsPerSecond / 1000)} kbit/s` : `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
}
