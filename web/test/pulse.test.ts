import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOff, Pulse } from '../src/pulse';

/** Ticks each half second from `from` to `to` and says what came of it, with the times. */
function run(pulse: Pulse, from: number, to: number, answers: boolean): string[] {
  const seen: string[] = [];
  for (let now = from; now <= to; now += 500) {
    const what = pulse.tick(now);
    if (what !== null) seen.push(`${what} ${now}`);
    if (what === 'ping' && answers) pulse.pong(now, now + 3);
  }
  return seen;
}

test('a ping goes out every two seconds', () => {
  assert.deepEqual(run(new Pulse(0), 0, 6_000, true), ['ping 0', 'ping 2000', 'ping 4000', 'ping 6000']);
});

test('six seconds of silence mean that the bench is gone', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 10_000, true);
  assert.deepEqual(run(pulse, 10_500, 16_500, false), ['ping 12000', 'ping 14000', 'ping 16000', 'gone 16500'].filter((x) => x !== 'ping 10000'));
});

test('a page that slept gives the bench a full span again', () => {
  const pulse = new Pulse(0);
  run(pulse, 0, 4_000, true);
  assert.deepEqual(run(pulse, 3_600_000, 3_605_500, false), ['ping 3600000', 'ping 3602000', 'ping 3604000']);
  assert.equal(pulse.tick(3_606_000), 'gone');
});

test('the round trip is that of the last ping, and never nonsense', () => {
  const pulse = new Pulse(0);
  pulse.pong(100, 112);
  assert.equal(pulse.roundTrip, 12);
  pulse.pong(9e9, 200);
  assert.equal(pulse.roundTrip, 12);
});

test('tries become rarer, from half a second to ten', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 500].map(backOff), [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
});
