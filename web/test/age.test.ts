import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchClock } from '../src/age';

/** A bench whose clock is 5 s ahead of the page's, and whose video began with RTP timestamp `begin`. */
function clock(begin = 1_000): BenchClock {
  const clock = new BenchClock();
  clock.pong(100, 110, { now: 5_105, video: new Map([['video1', begin]]) });
  return clock;
}

test('the age of a frame is the time since the bench took it', () => {
  // Taken at 5 200 on the bench's clock, shown at 250 on the page's, which is 5 250 there.
  assert.equal(clock().age('video1', [{ rtp: 1_000 + 5_200 * 90, at: 250 }]), 50);
});

test('timestamps wrap around', () => {
  const begin = 2 ** 32 - 5_000 * 90;
  assert.equal(Math.round(clock(begin).age('video1', [{ rtp: 200 * 90, at: 250 }])!), 50);
});

test('of many frames it is the median, of many pongs the quickest counts', () => {
  const bench = clock();
  bench.pong(1_000, 1_400, { now: 6_390, video: new Map([['video1', 1_000]]) });
  const frames = [20, 500, 50].map((age) => ({ rtp: 1_000 + (5_250 - age) * 90, at: 250 }));
  assert.equal(bench.age('video1', frames), 50);
});

test('a slow beginning is forgotten', () => {
  const bench = clock();
  for (let i = 0; i < 10; i++) bench.pong(1_000, 1_020, { now: 6_000, video: new Map([['video1', 1_000]]) });
  assert.equal(bench.age('video1', [{ rtp: 1_000 + 6_000 * 90, at: 1_060 }]), 50);
});

test('what is not known is not said', () => {
  assert.equal(new BenchClock().age('video1', [{ rtp: 1, at: 1 }]), null);
  assert.equal(clock().age('video2', [{ rtp: 1, at: 1 }]), null);
  assert.equal(clock().age('video1', []), null);
  // A frame from the future, as after another stream began.
  assert.equal(clock().age('video1', [{ rtp: 1_000 + 9_000 * 90, at: 250 }]), null);
});
