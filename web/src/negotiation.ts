/**
 * What a connection does with its browser's RTCPeerConnection while descriptions are exchanged.
 */

import { forSpeech, listeningMids, withStereo } from './sdp';

export interface Media {
  mid: string;
  kind: 'video' | 'audio';
  /** Each track has a stream of its own: tracks in one stream would wait for each other to keep lips in step. */
  stream: MediaStream;
  receiver: RTCRtpReceiver;
}

/** The local description, once the browser has found all its candidates or `limit` milliseconds have passed. */
export function gathered(pc: RTCPeerConnection, limit: number): Promise<string> {
  const text = (): string => pc.localDescription?.sdp ?? '';
  if (pc.iceGatheringState === 'complete') return Promise.resolve(text());
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      pc.removeEventListener('icegatheringstatechange', check);
      resolve(text());
    };
    const check = (): void => {
      if (pc.iceGatheringState === 'complete') done();
    };
    const timer = setTimeout(done, limit);
    pc.addEventListener('icegatheringstatechange', check);
  });
}

/**
 * Takes the bench's offer. Where the bench would listen, this page is ready to send from then on: a microphone comes and
 * goes without another description.
 */
export async function setOffer(pc: RTCPeerConnection, offer: string): Promise<void> {
  await pc.setRemoteDescription({ type: 'offer', sdp: forSpeech(offer) });
  const mids = listeningMids(offer);
  for (const transceiver of pc.getTransceivers()) {
    if (transceiver.mid !== null && mids.includes(transceiver.mid)) transceiver.direction = 'sendonly';
  }
}

/** What sends a microphone by this m-line; null where none is negotiated. */
export function senderOf(pc: RTCPeerConnection, mid: string | null): RTCRtpSender | null {
  const line = pc.getTransceivers().find((transceiver) => transceiver.mid === mid);
  return line !== undefined && /^send/.test(line.currentDirection ?? '') ? line.sender : null;
}

/** Answers the offer that has been set as remote description. */
export async function setAnswer(pc: RTCPeerConnection, offer: string): Promise<void> {
  const answer = await pc.createAnswer();
  try {
    await pc.setLocalDescription({ type: 'answer', sdp: withStereo(answer.sdp ?? '', offer) });
  } catch {
    // Browsers allow fewer and fewer changes to their own descriptions. Mono is better than nothing.
    await pc.setLocalDescription(answer);
  }
}

/** What the bench sends now. `streams` remembers the stream of each track. */
export function mediaOf(pc: RTCPeerConnection, streams: WeakMap<MediaStreamTrack, MediaStream>): Media[] {
  const media: Media[] = [];
  for (const { mid, receiver, currentDirection } of pc.getTransceivers()) {
    if (mid === null || (currentDirection !== 'recvonly' && currentDirection !== 'sendrecv')) continue;
    const { track } = receiver;
    let stream = streams.get(track);
    if (stream === undefined) streams.set(track, (stream = new MediaStream([track])));
    // Show each frame as soon as it is whole. Never for sound: it would stutter.
    if (track.kind === 'video' && 'jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    media.push({ mid, kind: track.kind === 'video' ? 'video' : 'audio', stream, receiver });
  }
  return media;
}
