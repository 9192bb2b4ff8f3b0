import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Connection, type Cause, type ConnectionEvents } from '../src/connection';
import { OFFER } from './samples';

/** As much of the browser as one connection touches; what happens is written into `said`. */
class FakeChannel {
  readyState = 'connecting';
  binaryType = '';
  protocol = '';
  label = 'periscope';
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  send(text: string): void {
    this.sent.push(text);
  }
  open(): void {
    this.readyState = 'open';
    this.onopen?.();
  }
  get messages(): { type: string; [name: string]: unknown }[] {
    return this.sent.map((text) => JSON.parse(text));
  }
}

class FakeTransport extends EventTarget {
  constructor(public state: string) {
    super();
  }
  become(state: string): void {
    this.state = state;
    this.dispatchEvent(new Event('statechange'));
  }
}

class FakePeerConnection extends EventTarget {
  static last: FakePeerConnection;
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
  onconnectionstatechange: (() => void) | null = null;
  ondatachannel: ((event: { channel: FakeChannel }) => void) | null = null;
  constructor() {
    super();
    FakePeerConnection.last = this;
  }
  createDataChannel(label: string, options: { negotiated: boolean; id: number }): FakeChannel {
    this.log.push(`channel ${label} ${options.negotiated} ${options.id}`);
    return this.control;
  }
  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.log.push(`remote ${type} ${sdp.length < 20 ? sdp : '…'}`);
    await Promise.resolve();
    if (sdp === 'bad') throw new Error('cannot be used');
    this.log.push('remote done');
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
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

let said: string[];
let causes: Cause[];
let connection: Connection;
let pc: FakePeerConnection;

beforeEach(() => {
  Object.assign(globalThis, {
    RTCPeerConnection: FakePeerConnection,
    RTCRtpReceiver: { getCapabilities: (kind: string) => ({ codecs: [{ mimeType: kind === 'video' ? 'video/VP8' : 'audio/opus' }] }) },
  });
  said = [];
  causes = [];
  const events: ConnectionEvents = {
    onUp: () => said.push('up'),
    onDown: (cause) => causes.push(cause),
    onChange: () => said.push('change'),
    onData: (label, payload) => said.push(`${label}: ${String(payload)}`),
    onRemark: (text) => said.push(text),
    onQuiet: (isQuiet) => said.push(isQuiet ? 'quiet' : 'answers'),
  };
  connection = new Connection({} as RTCCertificate, events);
  pc = FakePeerConnection.last;
});

// Its timers would keep the test running.
afterEach(() => connection.close());

function come(message: object): void {
  pc.control.onmessage?.({ data: JSON.stringify(message) });
}

function rise(): void {
  pc.become('connected');
  pc.control.open();
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('it is up once it is encrypted and the control channel is open, and says hello first', () => {
  pc.become('connected');
  assert.deepEqual(said, []);
  pc.control.open();
  assert.deepEqual(said, ['up']);
  assert.deepEqual(pc.control.messages, [{ type: 'hello', version: 1, codecs: ['video/VP8', 'audio/opus'] }]);
  assert.deepEqual(pc.log, ['channel periscope true 0']);
});

test('a bench without any data channel needs no control channel', () => {
  pc.sctp = null;
  pc.become('connected');
  assert.deepEqual(said, ['up']);
});

test('offers are answered one after the other, each under its number', async () => {
  rise();
  pc.log = [];
  for (const id of [4, 5]) come({ type: 'offer', id, sdp: `offer ${id}` });
  await settled();
  assert.deepEqual(pc.log, ['remote offer offer 4', 'remote done', 'local', 'remote offer offer 5', 'remote done', 'local']);
  assert.deepEqual(pc.control.messages.slice(1).map(({ type, id }) => [type, id]), [['answer', 4], ['answer', 5]]);
});

test('an offer that cannot be used is mentioned and ends nothing', async () => {
  rise();
  const { warn } = console;
  console.warn = () => undefined;
  come({ type: 'offer', id: 1, sdp: 'bad' });
  come({ type: 'offer', id: 2, sdp: 'good' });
  await settled();
  console.warn = warn;
  assert.match(said[1] ?? '', /could not take the media/);
  assert.deepEqual(pc.control.messages.slice(1).map(({ type, id }) => [type, id]), [['answer', 2]]);
  assert.deepEqual(causes, []);
});

test('a welcome changes names, an error is a remark, a bye is the end', () => {
  rise();
  come({ type: 'welcome', version: 1, name: 'periscope 0.1.0', peer: 3, streams: [], channels: [] });
  assert.equal(connection.welcome?.peer, 3);
  come({ type: 'error', text: 'no encoder' });
  come({ type: 'unheard-of' });
  pc.control.onmessage?.({ data: 'not JSON' });
  come({ type: 'bye', text: 'enough' });
  assert.deepEqual(said, ['up', 'change', 'no encoder']);
  assert.deepEqual(causes, [{ kind: 'bye', text: 'enough' }]);
  assert.ok(pc.closed && connection.isOver);
});

test('the end is told once, with its reason', () => {
  rise();
  pc.become('failed');
  pc.become('closed');
  pc.control.onclose?.();
  assert.deepEqual(causes, [{ kind: 'lost' }]);
});

test('what never came up had no path, or another certificate', () => {
  pc.become('failed');
  assert.deepEqual(causes, [{ kind: 'no-path' }]);
});

test('a certificate that does not fit is told apart', () => {
  pc.sctp = { transport: new FakeTransport('failed') };
  pc.become('failed');
  assert.deepEqual(causes, [{ kind: 'wrong-certificate' }]);
});

test('a wrong certificate ends the patience, whichever state tells first', async () => {
  const transport = new FakeTransport('connecting');
  pc.sctp = { transport };
  await connection.makeAnswer(OFFER, 100);
  pc.become('failed');
  assert.deepEqual(causes, []);
  transport.become('failed');
  assert.deepEqual(causes, [{ kind: 'wrong-certificate' }]);
});

test('while a person carries the answer, a browser that gives up is no failure', async () => {
  const answer = await connection.makeAnswer(OFFER, 100);
  assert.equal(answer, 'v=0\r\n');
  assert.equal(pc.candidates, 2, 'each way to the bench once');
  pc.sctp = { transport: new FakeTransport('new') };
  pc.become('failed');
  pc.become('disconnected');
  assert.deepEqual(causes, []);
  rise();
  assert.deepEqual(said, ['up']);
});

/** Runs `work` with timers that only `pass` lets run; gives `pass`. */
async function withTimers(work: (pass: (milliseconds: number) => void) => Promise<void>): Promise<void> {
  const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
  const timers = new Map<number, { at: number; run: () => void }>();
  let now = 0;
  let last = 0;
  globalThis.setTimeout = ((run: () => void, delay: number) => {
    timers.set(++last, { at: now + delay, run });
    return last;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = ((id: number) => timers.delete(id)) as unknown as typeof clearTimeout;
  try {
    await work((milliseconds) => {
      now += milliseconds;
      for (const [id, { at, run }] of [...timers]) {
        if (at <= now && timers.delete(id)) run();
      }
    });
  } finally {
    Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
  }
}

test('the time that a person may take does not end a connection that is up', () =>
  withTimers(async (pass) => {
    connection.takeAnswer('v=0', 20_000);
    await settled();
    rise();
    pass(3_600_000);
    assert.deepEqual(causes, []);
  }));

test('a bench that is silent once it has seen our certificate is given up', () =>
  withTimers(async (pass) => {
    await connection.takeAnswer('v=0', 900_000);
    pc.become('connected');
    pass(10_000);
    assert.deepEqual(causes, [{ kind: 'no-path' }]);
  }));

test('closing from this side says good-bye and tells nobody else', () => {
  rise();
  connection.close('the page was closed');
  assert.deepEqual(pc.control.messages.at(-1), { type: 'bye', text: 'the page was closed' });
  assert.deepEqual(causes, []);
});

test('data of instruments arrives in order, what came early after the connection is up', () => {
  const channel = Object.assign(new FakeChannel(), { protocol: 'periscope.1', label: 'psu', readyState: 'open' });
  pc.ondatachannel?.({ channel });
  channel.onmessage?.({ data: 'early' });
  assert.deepEqual(said, []);
  rise();
  channel.onmessage?.({ data: new Uint8Array([1, 2]).buffer });
  assert.deepEqual(said, ['up', 'psu: early', 'psu: 1,2']);
  assert.deepEqual([...connection.instruments.keys()], ['psu']);
});

test('channels of another protocol are left alone', () => {
  const channel = Object.assign(new FakeChannel(), { protocol: '', label: 'chat' });
  pc.ondatachannel?.({ channel });
  assert.equal(channel.onmessage, null);
  assert.equal(connection.instruments.size, 0);
});
