import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, words, type Sample } from '../src/stats';

const sample = (changes: Partial<Sample> = {}): Sample => ({
  time: 1_000, bytes: 0, frames: 0, dropped: 0, decoded: 0, delay: 0, age: null, width: 1280, height: 720, codec: 'H264', roundTrip: 3.2, ...changes,
});

test('the line names everything with its unit', () => {
  const now = sample({ time: 2_000, bytes: 300_000, frames: 30, decoded: 30, delay: 0.36, dropped: 2 });
  assert.equal(words(sample(), now), '1280×720 · 30 frames/s · 2.4 Mbit/s · 3 ms round trip · H.264 · 12 ms in this browser · 2 frames dropped');
  assert.match(words(sample(), { ...now, age: 41.7 }), / · H\.264 · 42 ms behind the bench · 2 frames dropped$/);
});

test('what is not known is left out', () => {
  assert.equal(words(null, sample({ roundTrip: null, delay: null, codec: '' })), '1280×720');
  const now = sample({ time: 3_000, bytes: 12_000, width: 0, codec: 'opus', roundTrip: 0.4 });
  assert.equal(words(sample(), now), '48 kbit/s · under 1 ms round trip · Opus');
});

test('counters that run backwards make no rates', () => {
  assert.equal(words(sample({ bytes: 9_000 }), sample({ time: 2_000, bytes: 10 })), '1280×720 · 3 ms round trip · H.264');
});

const report = [
  { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
  { id: 'X', type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.9 },
  { id: 'P', type: 'candidate-pair', currentRoundTripTime: 0.003 },
  { id: 'C', type: 'codec', mimeType: 'video/VP8' },
  { id: 'V1', type: 'inbound-rtp', kind: 'video', mid: '1', bytesReceived: 10, framesReceived: 1, frameWidth: 640, frameHeight: 480, codecId: 'C', timestamp: 5 },
  { id: 'V2', type: 'inbound-rtp', kind: 'video', mid: '2', bytesReceived: 20 },
  { id: 'A1', type: 'inbound-rtp', kind: 'audio', mid: '3', bytesReceived: 30 },
  { id: 'A2', type: 'inbound-rtp', kind: 'audio', mid: '4', bytesReceived: 40 },
];

test('the stream that is looked at is the one that is measured', () => {
  const first = measure(report, '1', 99);
  assert.deepEqual([first.bytes, first.width, first.codec, first.roundTrip, first.time], [10, 640, 'VP8', 3, 5]);
  assert.equal(measure(report, '2', 99).bytes, 20);
  assert.equal(measure(report, null, 99).bytes, 70);
});

test('a browser that marks the selected pair only by its state is understood', () => {
  const pairs = report.filter((entry) => entry.type !== 'transport' && entry.id !== 'P');
  assert.equal(measure(pairs, '1', 99).roundTrip, 900);
});
