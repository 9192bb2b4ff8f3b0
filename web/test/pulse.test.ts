import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOff, Pulse } from '../src/pulse';

/** Ticks each quarter of a second from `from` to `to` and says what came of it, with the times. */
function run(pulse: Pulse, from: number, to: number, answers: boolean): string[] {
  const seen: string[] = [];
  for (let now = from; now <= to; now += 250) {
    const what = pulse.tick(now);
    if (what !== null) seen.push(`${what} ${now}`);
    if (what === 'ping' && answers) pulse.pong(now, now + 3);
  }
  return seen;
}

test('a ping goes out every second', () => {
  assert.deepEqual(run(new Pulse(0), 0, 3_000, true), ['ping 0', 'ping 1000', 'ping 2000', 'ping 3000']);
});

test('timers that are a little early or late leave no second out', () => {
  const pulse = new Pulse(0);
  const times = [0, 990, 2_030, 2_995, 4_001];
  assert.deepEqual(times.map((now) => pulse.tick(now)), times.map(() => 'ping'));
});

test('two seconds without an answer are a silence, fifteen are the end', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 10_000, true);
  assert.ok(!pulse.isQuiet(12_002));
  assert.ok(pulse.isQuiet(12_003));
  assert.equal(run(pulse, 10_250, 25_000, false).at(-1), 'ping 25000');
  assert.equal(pulse.tick(25_250), 'gone');
});

test('a ping without an answer is followed by others soon, until it is a silence', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 3_000, true);
  assert.deepEqual(run(pulse, 3_250, 7_000, false), ['ping 4000', 'ping 4250', 'ping 4500', 'ping 4750', 'ping 5000', 'ping 6000', 'ping 7000']);
  pulse.pong(4_000, 7_100);
  assert.deepEqual(run(pulse, 7_250, 9_000, true), ['ping 8000', 'ping 9000']);
});

test('where packets come there is no silence, but fifteen seconds without an answer are the end all the same', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 3_000, true);
  run(pulse, 3_250, 4_250, false);
  assert.ok(!pulse.isLate(4_250));
  assert.ok(pulse.isLate(4_500));
  pulse.stir(4_750);
  assert.ok(!pulse.isQuiet(6_749));
  assert.ok(pulse.isQuiet(6_750));
  pulse.stir(17_900);
  assert.ok(!pulse.isQuiet(18_000));
  run(pulse, 4_500, 17_750, false);
  assert.equal(pulse.tick(18_003), 'gone');
});

test('a doubt does not trust in what came before', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  pulse.stir(4_050);
  pulse.doubt(4_100);
  assert.ok(pulse.isQuiet(4_600));
});

test('a doubt while an answer is late and packets come leaves time to see whether they still do', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  run(pulse, 4_250, 6_000, false);
  pulse.stir(6_050);
  pulse.doubt(6_100);
  assert.ok(!pulse.isQuiet(6_599));
  assert.ok(pulse.isQuiet(6_600));
});

test('a doubt is a reason to see at once whether anything comes, until there is an answer', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  assert.ok(!pulse.isLate(4_100));
  pulse.doubt(4_100);
  assert.ok(pulse.isLate(4_100));
  pulse.stir(4_350);
  assert.ok(!pulse.isQuiet(6_349));
  assert.ok(pulse.isLate(4_600));
  pulse.pong(4_600, 4_610);
  assert.ok(!pulse.isLate(4_620));
});

test('an answer ends the silence', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 5_000, false);
  assert.ok(pulse.isQuiet(5_000));
  pulse.pong(4_000, 5_010);
  assert.ok(!pulse.isQuiet(5_010));
});

test('a page that slept asks at once, and waits half a second', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  assert.equal(pulse.tick(3_600_000), 'ping');
  assert.ok(!pulse.isQuiet(3_600_499));
  assert.ok(pulse.isQuiet(3_600_500));
  pulse.pong(3_600_000, 3_600_510);
  assert.ok(!pulse.isQuiet(3_600_511));
});

test('a doubt is asked about at once, and does not make a silence shorter that lasts already', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  pulse.doubt(4_100);
  assert.equal(pulse.tick(4_100), 'ping');
  assert.ok(!pulse.isQuiet(4_599));
  assert.ok(pulse.isQuiet(4_600));
  pulse.doubt(9_000);
  assert.ok(pulse.isQuiet(9_000));
});

test('the round trip is that of the last ping, and never nonsense', () => {
  const pulse = new Pulse(0);
  pulse.pong(100, 112);
  assert.equal(pulse.roundTrip, 12);
  pulse.pong(9e9, 200);
  assert.equal(pulse.roundTrip, 12);
});

test('tries become rarer, from half a second to five', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 500].map(backOff), [500, 1_000, 2_000, 5_000, 5_000, 5_000]);
});
