import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { findCode } from '../src/code';
import type { Connection } from '../src/connection';
import type { Face } from '../src/face';
import { Keeper } from '../src/keeper';
import type { Home } from '../src/ways';
import { FakePeerConnection, install, settled, withTimers } from './fakes';

const CODE: Home = { kind: 'code', ...findCode('IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA')! };

/** What the person sees. */
let state: string;
let sentence: string;
let states: string[];
let button: string | null;
let press: () => void;
let shown: Connection | null;
let keeper: Keeper;

beforeEach(() => {
  install();
  Object.assign(globalThis, { document: { visibilityState: 'visible' }, location: { protocol: 'file:', hostname: '', port: '' } });
  if (typeof navigator === 'undefined') Object.assign(globalThis, { navigator: { userAgent: '' } });
  state = 'idle';
  sentence = '';
  states = [];
  button = null;
  const status = {
    get state() {
      return state;
    },
    show(to: string, text: string, again: string | null = null) {
      if (to !== state) states.push(to);
      [state, sentence, button] = [to, text, again];
    },
    reword: (text: string) => (sentence = text),
    notice: (text: string) => (sentence = text),
    count: () => undefined,
    onAgain: (action: () => void) => (press = action),
  };
  const nothing = (): void => undefined;
  const face = { status, showMedia: (connection: Connection | null) => (shown = connection), showStage: nothing, stageText: nothing, data: nothing, verdict: nothing, anew: nothing };
  keeper = new Keeper(face as unknown as Face, { onChange: nothing, onUp: nothing, onFail: nothing, onOtherDown: nothing, spare: () => null });
});

const made = (): number => FakePeerConnection.all.length;
const connectionOf = (number: number): FakePeerConnection => FakePeerConnection.all[number]!;

/** The bench takes this connection, and answers its pings. */
async function comesUp(pc: FakePeerConnection): Promise<void> {
  pc.control.onsend = ({ type, t }) => {
    if (type === 'hello') come(pc, { type: 'welcome', version: 1, name: 'bench', peer: 1, streams: [], channels: [] });
    if (type === 'ping') come(pc, { type: 'pong', t });
  };
  pc.become('connected');
  pc.control.open();
  await settled();
}

function come(pc: FakePeerConnection, message: object): void {
  pc.control.onmessage?.({ data: JSON.stringify(message) });
}

function fallSilent(pc: FakePeerConnection): void {
  pc.control.onsend = null;
}

/** The one that is being tried, or the one after the wait. */
async function nextAttempt(pass: (milliseconds: number) => Promise<void>): Promise<FakePeerConnection> {
  while (connectionOf(made() - 1).closed) await pass(250);
  return connectionOf(made() - 1);
}

async function connected(): Promise<FakePeerConnection> {
  keeper.connectTo(CODE);
  await settled();
  const pc = connectionOf(0);
  await comesUp(pc);
  assert.equal(state, 'connected');
  return pc;
}

test('a code connects without waiting for anything', () =>
  withTimers(async () => {
    keeper.connectTo(CODE);
    await settled();
    assert.deepEqual(connectionOf(0).log, ['channel periscope true 0', 'remote answer …', 'local', 'remote done']);
    await comesUp(connectionOf(0));
    assert.deepEqual([state, sentence], ['connected', 'Connected to bench, as peer 1.']);
  }));

test('a code that gets no answer gets words, and is tried on', () =>
  withTimers(async (pass) => {
    keeper.connectTo(CODE);
    await pass(3_999);
    assert.deepEqual([state, made()], ['connecting', 1]);
    await pass(1);
    assert.deepEqual([state, button], ['failed', 'Try now']);
    assert.match(sentence, /No answer from the bench/);
    await pass(40_000);
    const times = FakePeerConnection.all.map((pc) => pc.madeAt - connectionOf(0).madeAt);
    // Two seconds for each try, and half a second, one, two and then five in between.
    assert.deepEqual(times.slice(0, 6), [0, 4_500, 7_500, 11_500, 18_500, 25_500]);
    assert.ok(FakePeerConnection.all.slice(0, -1).every((pc) => pc.closed), 'one at a time');
    assert.equal(state, 'failed');
    await comesUp(await nextAttempt(pass));
    assert.equal(state, 'connected');
  }));

test('the button tries at once', () =>
  withTimers(async (pass) => {
    keeper.connectTo(CODE);
    await pass(4_100);
    press();
    await settled();
    assert.equal(made(), 2);
  }));

test('a bench with another certificate is not tried again', () =>
  withTimers(async (pass) => {
    keeper.connectTo(CODE);
    await settled();
    const pc = connectionOf(0);
    pc.findPath();
    (pc.sctp as { transport: { become(state: string): void } }).transport.become('failed');
    await pass(60_000);
    assert.deepEqual([state, made()], ['failed', 1]);
    assert.match(sentence, /not the one that made this code/);
  }));

test('a silence is looked into beside the connection, and a bench that answers again keeps it', () =>
  withTimers(async (pass) => {
    const first = await connected();
    await pass(5_000);
    fallSilent(first);
    await pass(2_000);
    assert.equal(made(), 2);
    assert.ok(!first.closed);
    come(first, { type: 'pong', t: performance.now() - 10 });
    await settled();
    assert.ok(connectionOf(1).closed && !first.closed);
    assert.deepEqual(states, ['connecting', 'connected'], 'nobody saw a thing');
    assert.equal(keeper.running?.connection.pc, first);
  }));

test('the connection that is up first stays, and the silent one is closed', () =>
  withTimers(async (pass) => {
    const first = await connected();
    await pass(5_000);
    fallSilent(first);
    await pass(2_500);
    await comesUp(connectionOf(1));
    assert.ok(first.closed && !connectionOf(1).closed);
    assert.deepEqual([state, shown?.pc], ['connected', connectionOf(1)]);
    await pass(60_000);
    assert.equal(made(), 2);
  }));

test('a silence that lasts is shown, and its end, too', () =>
  withTimers(async (pass) => {
    const first = await connected();
    fallSilent(first);
    await pass(3_500);
    assert.deepEqual([state, shown, button], ['reconnecting', null, 'Try now']);
    come(first, { type: 'pong', t: performance.now() });
    await settled();
    assert.deepEqual([state, shown?.pc], ['connected', first]);
  }));

test('a connection that fails is made anew at once, and then again and again', () =>
  withTimers(async (pass) => {
    const first = await connected();
    await pass(5_000);
    first.become('failed');
    await settled();
    assert.deepEqual([state, made()], ['reconnecting', 2]);
    await pass(30_000);
    assert.ok(made() >= 6);
    assert.equal(state, 'reconnecting');
    await comesUp(await nextAttempt(pass));
    assert.equal(state, 'connected');
  }));

test('connections that end as soon as they are up are made anew more and more seldom', () =>
  withTimers(async (pass) => {
    let pc = await connected();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      pc.become('failed');
      const ended = performance.now();
      assert.equal(keeper.attempt, null, 'tried at once');
      while (keeper.attempt === null) await pass(50);
      waits.push(performance.now() - ended);
      await settled();
      pc = connectionOf(made() - 1);
      await comesUp(pc);
    }
    assert.deepEqual(waits.map((wait) => Math.round(wait / 500) / 2), [0.5, 1, 2, 5]);
    // One that lasts makes up for them.
    await pass(5_000);
    pc.become('failed');
    await settled();
    assert.equal(connectionOf(made() - 1).closed, false);
    assert.notEqual(keeper.attempt, null);
  }));

test('a bench that is back within seconds has its page back without a wait of more than one', () =>
  withTimers(async (pass) => {
    const first = await connected();
    await pass(5_000);
    fallSilent(first);
    const killed = performance.now();
    // Whenever it comes back, the page is not between two tries for long.
    let longest = 0;
    let idle = 0;
    for (let waited = 0; waited < 8_000; waited += 50) {
      await pass(50);
      idle = keeper.attempt === null && performance.now() - killed > 2_500 ? idle + 50 : 0;
      longest = Math.max(longest, idle);
    }
    assert.ok(longest <= 1_050, `${longest} ms`);
  }));

test('a bench that ends the session is left alone', () =>
  withTimers(async (pass) => {
    const first = await connected();
    come(first, { type: 'bye', text: 'dropped' });
    await pass(60_000);
    assert.deepEqual([state, made()], ['failed', 1]);
    assert.match(sentence, /dropped/);
  }));

test('a frozen picture gets a fresh connection, answers to pings or not', () =>
  withTimers(async (pass) => {
    const first = await connected();
    keeper.refreshConnection();
    await pass(1_100);
    assert.equal(made(), 2);
    assert.ok(!first.closed && !connectionOf(1).closed);
    await comesUp(connectionOf(1));
    assert.ok(first.closed);
    assert.deepEqual(states, ['connecting', 'connected']);
  }));

test('a fresh connection for a frozen picture that does not come up is forgotten', () =>
  withTimers(async (pass) => {
    const first = await connected();
    keeper.refreshConnection();
    await pass(20_000);
    assert.deepEqual([state, made(), first.closed], ['connected', 2, false]);
  }));

test('a page that woke up asks at once, and looks for the bench half a second later', () =>
  withTimers(async (pass) => {
    const first = await connected();
    await pass(5_000);
    fallSilent(first);
    keeper.hurry();
    await pass(750);
    assert.equal(made(), 2);
  }));

test('where timers sleep, the end of the browser’s own checks sets the pace', () =>
  withTimers(async (pass, stall) => {
    const first = await connected();
    await pass(5_000);
    first.findNoPath();
    await settled();
    assert.equal(made(), 2);
    stall(15_000);
    connectionOf(1).findNoPath();
    await settled();
    assert.equal(made(), 3, 'without a timer');
    stall(15_000);
    keeper.hurry();
    await settled();
    assert.equal(made(), 4, 'somebody looks');
    await pass(2_500);
    assert.equal(made(), 5);
  }));

test('a connection by paste waits for its bench, and ends if that does not come back', () =>
  withTimers(async (pass) => {
    const connection = await keeper.build();
    await connection.takeAnswer('v=0', 20_000);
    keeper.adopt({ connection, way: { kind: 'paste', answer: null, short: null } }, 'Connecting …');
    const pc = connectionOf(0);
    await comesUp(pc);
    fallSilent(pc);
    await pass(10_000);
    assert.deepEqual([state, button, made()], ['reconnecting', null, 1]);
    come(pc, { type: 'pong', t: performance.now() });
    assert.equal(state, 'connected');
    await pass(20_000);
    assert.deepEqual([state, made()], ['failed', 1]);
  }));

test('another bench that cannot be reached ends nothing', () =>
  withTimers(async (pass) => {
    const first = await connected();
    keeper.connectTo(CODE);
    await pass(20_000);
    assert.deepEqual([state, first.closed, made()], ['connected', false, 2]);
  }));

/** A connection that waits until a person has carried the short answer to the bench. */
async function carryShortly(unreached = 'No path.'): Promise<void> {
  const connection = await keeper.build();
  await connection.meet(() => 'v=0', 8_000, 900_000);
  keeper.adopt({ connection, way: { kind: 'paste', answer: 'Q', short: { remake: () => carryShortly('Gone.'), unreached } } }, 'Carry it.');
}

test('while a short answer is carried, a browser that gives up is no failure', () =>
  withTimers(async (pass) => {
    await carryShortly();
    for (const number of [0, 1, 2]) {
      connectionOf(number).findPath();
      await pass(100_000);
      connectionOf(number).findNoPath();
      await settled();
    }
    assert.deepEqual([made(), state, sentence], [4, 'connecting', 'Carry it.']);
    connectionOf(3).findPath();
    await comesUp(connectionOf(3));
    assert.equal(state, 'connected');
  }));

test('an offer that the bench gave up is told, and so is a bench that cannot be reached', () =>
  withTimers(async (pass) => {
    await carryShortly();
    connectionOf(0).findPath();
    connectionOf(0).findNoPath();
    await settled();
    await pass(8_000);
    assert.deepEqual([made(), state, sentence], [2, 'failed', 'Gone.']);
    await carryShortly();
    await pass(8_000);
    assert.deepEqual([made(), state, sentence], [3, 'failed', 'No path.']);
  }));
