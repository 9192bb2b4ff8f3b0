import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog, bufferedOf, type Buffered } from '../src/backlog';

/** A browser's counters after one more second with that in its jitter buffer, in milliseconds. */
class Counters implements Buffered {
  mid = 'audio1';
  jitterBufferDelay = 0;
  jitterBufferTargetDelay = 0;
  jitterBufferEmittedCount = 0;
  private now = 0;
  constructor(private readonly backlog = new Backlog()) {
    this.second(0, 0);
  }
  second(buffered: number, target: number, samples = 48_000): number {
    this.now += 1_000;
    this.jitterBufferDelay += (buffered / 1_000) * samples;
    this.jitterBufferTargetDelay += (target / 1_000) * samples;
    this.jitterBufferEmittedCount += samples;
    return this.backlog.look(this.now, { ...this });
  }
  seconds(count: number, buffered: number, target: number): number[] {
    return Array.from({ length: count }, () => this.second(buffered, target));
  }
}

test('what waits longer than it has to is left out step by step, once it has been seen twice', () => {
  const counters = new Counters();
  assert.deepEqual(counters.seconds(8, 65, 40), [0, 10, 0, 0, 10, 0, 0, 10]);
  assert.deepEqual(counters.seconds(8, 42, 40), [0, 0, 0, 0, 0, 0, 0, 0]);
});

test('what waits as long as the browser wants is left alone', () => {
  assert.deepEqual(new Counters().seconds(20, 20, 20), Array(20).fill(0));
  assert.deepEqual(new Counters().seconds(20, 44, 40), Array(20).fill(0));
  assert.deepEqual(new Counters().seconds(20, 90, 120), Array(20).fill(0));
});

test('a browser that goes back to where it was is asked more and more seldom', () => {
  const asked = new Counters().seconds(200, 55, 40).flatMap((ms, second) => (ms > 0 ? [second] : []));
  assert.deepEqual(asked, [1, 4, 7, 10, 13, 16, 19, 25, 37, 61, 109]);
});

test('where nothing is played nothing is left out', () => {
  const counters = new Counters();
  for (let i = 0; i < 10; i++) assert.equal(counters.second(500, 20, 100), 0);
});

test('a line that begins anew is looked at anew', () => {
  const backlog = new Backlog();
  const old = new Counters(backlog);
  old.second(55, 40);
  assert.equal(new Counters(backlog).second(55, 40), 0);
});

test('only sound counts, in browsers that count', () => {
  const sound = { mid: '1', jitterBufferDelay: 1, jitterBufferTargetDelay: 2, jitterBufferEmittedCount: 3 };
  const entry = { type: 'inbound-rtp', kind: 'audio', ...sound };
  const { jitterBufferTargetDelay: _, ...old } = entry;
  assert.deepEqual(bufferedOf([entry, { ...entry, kind: 'video' }, { type: 'transport' }, old]), [sound]);
});
