import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Connection, type Cause, type ConnectionEvents } from '../src/connection';
import { FakeChannel, FakePeerConnection, FakeTransport, install, settled, withTimers } from './fakes';
import { OFFER } from './samples';

let said: string[];
let causes: Cause[];
let connection: Connection;
let pc: FakePeerConnection;

beforeEach(() => {
  install();
  said = [];
  causes = [];
  const events: ConnectionEvents = {
    onUp: () => said.push('up'),
    onDown: (cause) => causes.push(cause),
    onChange: () => said.push('change'),
    onData: (label, messages) => said.push(`${label}: ${messages.map(({ bytes }) => new TextDecoder().decode(bytes)).join()}`),
    onVerdict: (verdict) => said.push(verdict.type),
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

test('it is up once it is encrypted and the control channel is open, and says hello first', () => {
  pc.become('connected');
  assert.deepEqual(said, []);
  pc.control.open();
  assert.deepEqual(said, ['up']);
  assert.deepEqual(pc.control.messages, [{ type: 'hello', version: 1, codecs: ['video/VP8', 'audio/opus'], features: ['batch', 'heartbeat', 'talk'] }]);
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

test('what never came up had no path', () => {
  pc.findNoPath();
  assert.deepEqual(causes, [{ kind: 'no-path' }]);
});

test('a path that fails is none of a certificate, although Firefox says first that the encryption failed', async () => {
  const transport = new FakeTransport('new');
  pc.sctp = { transport };
  await connection.meet(() => 'v=0', 20_000);
  transport.become('failed');
  assert.deepEqual(causes, []);
  pc.findNoPath();
  assert.deepEqual(causes, [{ kind: 'no-path' }]);
});

test('a certificate that does not fit is told apart, whichever state tells first', async () => {
  const transport = new FakeTransport('connecting');
  pc.sctp = { transport };
  await connection.takeAnswer('v=0', 20_000);
  pc.findPath();
  pc.become('failed');
  assert.deepEqual(causes, []);
  transport.become('failed');
  assert.deepEqual(causes, [{ kind: 'wrong-certificate' }]);
});

test('a connection that fails on a path that holds is over, whatever the encryption says', () =>
  withTimers(async (pass) => {
    pc.findPath();
    pc.become('failed');
    await pass(1_000);
    assert.deepEqual(causes, [{ kind: 'no-path' }]);
  }));

test('a wrong certificate ends the patience, whichever state tells first', async () => {
  const transport = new FakeTransport('connecting');
  pc.sctp = { transport };
  await connection.makeAnswer(OFFER, 100);
  pc.findPath();
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

test('the time that a person may take does not end a connection that is up', () =>
  withTimers(async (pass) => {
    connection.takeAnswer('v=0', 20_000);
    await settled();
    rise();
    await pass(3_600_000);
    assert.deepEqual(causes, []);
  }));

test('a bench whose answers get lost is not silent while its packets come', () =>
  withTimers(async (pass) => {
    rise();
    come({ type: 'welcome', version: 1, name: 'periscope 0.1.0', peer: 3, streams: [], channels: [] });
    for (let i = 0; i < 40; i++) {
      pc.received += 100;
      await pass(100);
    }
    assert.ok(!said.includes('quiet'), said.join());
    await pass(2_500);
    assert.equal(said.at(-1), 'quiet');
    come({ type: 'pong', t: 0 });
    assert.equal(said.at(-1), 'answers');
  }));

test('a path that the browser doubts is not left while packets come by it', () =>
  withTimers(async (pass) => {
    rise();
    come({ type: 'welcome', version: 1, name: 'periscope 0.1.0', peer: 3, streams: [], channels: [] });
    pc.become('disconnected');
    for (let i = 0; i < 15; i++) {
      pc.received += 100;
      await pass(100);
    }
    assert.ok(!said.includes('quiet'), said.join());
  }));

test('a bench that is silent once it has seen our certificate is given up', () =>
  withTimers(async (pass) => {
    await connection.takeAnswer('v=0', 900_000);
    pc.become('connected');
    await pass(10_000);
    assert.deepEqual(causes, [{ kind: 'no-path' }]);
  }));

test('an offer that was made ahead of time is the one that is met', async () => {
  pc.localDescription = { sdp: 'made ahead' };
  pc.log = [];
  let met = '';
  await connection.meet((offer) => {
    met = offer;
    return 'v=0';
  }, 4_000);
  assert.equal(met, 'made ahead');
  assert.ok(!pc.log.includes('local'), 'it stays as it is');
});

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
  assert.deepEqual(said, ['up', 'psu: early', 'psu: \u0001\u0002']);
  assert.deepEqual([...connection.instruments.keys()], ['psu']);
});

test('channels of another protocol are left alone', () => {
  const channel = Object.assign(new FakeChannel(), { protocol: '', label: 'chat' });
  pc.ondatachannel?.({ channel });
  assert.equal(channel.onmessage, null);
  assert.equal(connection.instruments.size, 0);
});

test('where the bench would listen, the page is ready to send before it answers', async () => {
  const line = { mid: 'a1', direction: 'recvonly', currentDirection: 'sendonly', sender: {}, receiver: { track: {} } };
  const other = { mid: 'v1', direction: 'recvonly', currentDirection: 'recvonly', sender: {}, receiver: { track: { kind: 'video' } } };
  let atAnswer = '';
  pc.getTransceivers = () => [line, other];
  pc.createAnswer = async () => {
    atAnswer = `${line.direction} ${other.direction}`;
    return { type: 'answer', sdp: 'v=0\r\n' };
  };
  Object.assign(globalThis, { MediaStream: class {} });
  rise();
  come({ type: 'offer', id: 1, sdp: 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a1\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v1\r\na=sendonly\r\n' });
  await settled();
  assert.equal(atAnswer, 'sendonly recvonly');
  assert.equal(connection.microphoneSender, null, 'the bench has not said that this is the line');
  come({ type: 'talk', mid: 'a1', floor: 'all', you: 'none', reason: '', talking: [] });
  assert.equal(connection.microphoneSender, line.sender);
  assert.deepEqual(connection.media.map(({ mid }) => mid), ['v1'], 'it is no sound of the bench');
});

test('who talks beats from before the bench is told until after it is told of the end', () => {
  const heart = Object.assign(new FakeChannel(), { protocol: 'periscope.1', label: 'periscope-heartbeat', readyState: 'open' });
  const order: string[] = [];
  heart.send = () => order.push('beat');
  pc.control.onsend = ({ type, on }: { type: string; on?: boolean }) => type === 'talk' && order.push(on === true ? 'on' : 'off');
  rise();
  pc.ondatachannel?.({ channel: heart });
  connection.talk(true, ['kx3']);
  assert.deepEqual(pc.control.messages.at(-1), { type: 'talk', on: true, transmit: ['kx3'] });
  connection.talk(false, []);
  assert.deepEqual(pc.control.messages.at(-1), { type: 'talk', on: false });
  assert.deepEqual(order, ['beat', 'on', 'off']);
});
