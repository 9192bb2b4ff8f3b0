/**
 * As much of the browser as connections touch.
 */

import { PAGE_OFFER } from './samples';

export class FakeChannel {
  readyState = 'connecting';
  binaryType = '';
  protocol = '';
  label = 'periscope';
  sent: string[] = [];
  /** Gets what is sent, for a bench that answers. */
  onsend: ((message: { type: string; t?: number; on?: boolean }) => void) | null = null;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  send(text: string): void {
    this.sent.push(text);
    this.onsend?.(JSON.parse(text));
  }
  open(): void {
    this.readyState = 'open';
    this.onopen?.();
  }
  get messages(): { type: string; [name: string]: unknown }[] {
    return this.sent.map((text) => JSON.parse(text));
  }
}

export class FakeTransport extends EventTarget {
  constructor(public state: string) {
    super();
  }
  become(state: string): void {
    this.state = state;
    this.dispatchEvent(new Event('statechange'));
  }
}

export class FakePeerConnection extends EventTarget {
  static last: FakePeerConnection;
  /** All that were made, in order. */
  static all: FakePeerConnection[] = [];
  static async generateCertificate(): Promise<object> {
    return {};
  }
  control = new FakeChannel();
  connectionState = 'new';
  iceConnectionState = 'new';
  iceGatheringState = 'complete';
  signalingState = 'stable';
  sctp: object | null = { transport: new FakeTransport('connected') };
  localDescription: { sdp: string } | null = null;
  log: string[] = [];
  candidates = 0;
  closed = false;
  readonly madeAt = performance.now();
  /** Bytes that have come. */
  received = 0;
  onconnectionstatechange: (() => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;
  ondatachannel: ((event: { channel: FakeChannel }) => void) | null = null;
  constructor() {
    super();
    FakePeerConnection.last = this;
    FakePeerConnection.all.push(this);
  }
  createDataChannel(label: string, options: { negotiated: boolean; id: number }): FakeChannel {
    this.log.push(`channel ${label} ${options.negotiated} ${options.id}`);
    return this.control;
  }
  async getStats(): Promise<Map<string, object>> {
    return new Map([['pair', { type: 'candidate-pair', bytesReceived: this.received }]]);
  }
  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.log.push(`remote ${type} ${sdp.length < 20 ? sdp : '…'}`);
    await Promise.resolve();
    if (sdp === 'bad') throw new Error('cannot be used');
    this.log.push('remote done');
  }
  async createOffer(): Promise<{ type: string; sdp: string }> {
    return { type: 'offer', sdp: PAGE_OFFER };
  }
  async createAnswer(): Promise<{ type: string; sdp: string }> {
    return { type: 'answer', sdp: 'v=0\r\n' };
  }
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    await Promise.resolve();
    this.localDescription = description;
    this.log.push('local');
  }
  addIceCandidate(): Promise<void> {
    this.candidates++;
    return Promise.resolve();
  }
  getTransceivers(): unknown[] {
    return [];
  }
  getReceivers(): unknown[] {
    return [];
  }
  close(): void {
    this.closed = true;
    this.signalingState = 'closed';
  }
  /** Somebody answered the browser's checks. */
  findPath(): void {
    this.iceConnectionState = 'connected';
    this.oniceconnectionstatechange?.();
  }
  /** Nobody answers the browser's checks. */
  findNoPath(): void {
    this.iceConnectionState = 'failed';
    this.oniceconnectionstatechange?.();
    this.become('failed');
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** Puts the fakes where the page looks for the browser. */
export function install(): void {
  FakePeerConnection.all = [];
  Object.assign(globalThis, {
    RTCPeerConnection: FakePeerConnection,
    RTCRtpReceiver: { getCapabilities: (kind: string) => ({ codecs: [{ mimeType: kind === 'video' ? 'video/VP8' : 'audio/opus' }] }) },
  });
}

/** Everything that was only waiting for its turn has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs `work` with a clock and timers that only `pass` moves; gives `pass`, and `stall`: time passes and no timer runs. */
export async function withTimers(
  work: (pass: (milliseconds: number) => Promise<void>, stall: (milliseconds: number) => void) => Promise<void>,
): Promise<void> {
  const { setTimeout: realTimeout, clearTimeout: realClearTimeout, setInterval: realInterval, clearInterval: realClearInterval } = globalThis;
  const realNow = performance.now.bind(performance);
  const timers = new Map<number, { at: number; every: number | null; run: () => void }>();
  let now = 1_000_000;
  let last = 0;
  const add = (run: () => void, delay: number, every: number | null): number => {
    timers.set(++last, { at: now + delay, every, run });
    return last;
  };
  const clear = (id: number): boolean => timers.delete(id);
  performance.now = () => now;
  Object.assign(globalThis, {
    setTimeout: (run: () => void, delay: number) => add(run, delay, null),
    setInterval: (run: () => void, delay: number) => add(run, delay, delay),
    clearTimeout: clear,
    clearInterval: clear,
  });
  const pass = async (milliseconds: number): Promise<void> => {
    await settled();
    const until = now + milliseconds;
    for (;;) {
      const [id, timer] = [...timers].reduce<[number, { at: number; every: number | null; run: () => void } | null]>(
        (first, [id, timer]) => (timer.at <= until && (first[1] === null || timer.at < first[1].at) ? [id, timer] : first),
        [0, null],
      );
      if (timer === null) break;
      now = Math.max(now, timer.at);
      if (timer.every === null) timers.delete(id);
      else timer.at = now + timer.every;
      timer.run();
      await settled();
    }
    now = until;
  };
  try {
    await work(pass, (milliseconds) => (now += milliseconds));
  } finally {
    performance.now = realNow;
    Object.assign(globalThis, { setTimeout: realTimeout, clearTimeout: realClearTimeout, setInterval: realInterval, clearInterval: realClearInterval });
  }
}
