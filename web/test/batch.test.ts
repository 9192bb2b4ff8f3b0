import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesOf, type Message } from '../src/batch';
import { Joiner, Splitter } from '../src/chunks';
import { generator } from './random';

const MAGIC = [0xf5, 0x50, 0x53, 0x42];

/** As the bench writes it. */
function batch(messages: Message[]): Uint8Array {
  const parts = messages.map(({ time, sequence, isText, bytes }) => {
    const record = new Uint8Array(16 + bytes.length);
    const view = new DataView(record.buffer);
    view.setBigUint64(0, BigInt(time ?? 0));
    view.setUint32(8, sequence ?? 0);
    view.setUint32(12, ((isText ? 1 : 0) << 24) | bytes.length);
    record.set(bytes, 16);
    return record;
  });
  return new Uint8Array(Buffer.concat([Uint8Array.from(MAGIC), ...parts]));
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a batch gives its messages with the host’s time in microseconds', () => {
  const messages: Message[] = [
    { time: 1_763_728_788_123_456, sequence: 7, isText: true, bytes: utf8('T=21.5 °C') },
    { time: 1_763_728_788_123_457, sequence: 8, isText: false, bytes: Uint8Array.of(0, 255) },
    { time: 0, sequence: 0xffff_ffff, isText: true, bytes: utf8('') },
  ];
  assert.deepEqual(messagesOf(batch(messages)), messages);
});

test('what is no batch is one message without a time', () => {
  assert.deepEqual(messagesOf('µ'), [{ time: null, sequence: null, isText: true, bytes: utf8('µ') }]);
  const bytes = Uint8Array.of(0xf5, 0x50, 0x53, 0x43);
  assert.deepEqual(messagesOf(bytes), [{ time: null, sequence: null, isText: false, bytes }]);
});

test('text that is no UTF-8 is bytes', () => {
  const [message] = messagesOf(batch([{ time: 1, sequence: 1, isText: true, bytes: Uint8Array.of(0xc3) }]));
  assert.equal(message?.isText, false);
});

test('whatever is put in comes out, also through chunks', () => {
  const random = generator(4);
  for (let round = 0; round < 60; round++) {
    const messages: Message[] = Array.from({ length: random(20) }, () => ({
      time: random(2 ** 32) * 4096 + random(4096),
      sequence: random(2 ** 32),
      isText: random(2) === 0,
      bytes: Uint8Array.from({ length: [random(30), random(3_000)][random(2)]! }, () => 32 + random(90)),
    }));
    const joiner = new Joiner();
    const arrived = new Splitter().split(batch(messages)).flatMap((piece) => joiner.take(piece) ?? []);
    assert.deepEqual(arrived.flatMap(messagesOf), messages);
  }
});

test('of a batch that is cut anywhere the whole messages before the cut are kept', () => {
  const messages: Message[] = ['one', 'two', 'three'].map((text, index) => ({ time: index, sequence: index, isText: true, bytes: utf8(text) }));
  const whole = batch(messages);
  for (let length = 4; length <= whole.length; length++) {
    const kept = messagesOf(whole.subarray(0, length));
    assert.deepEqual(kept, messages.slice(0, kept.length));
    if (length < whole.length) assert.ok(kept.length < 3);
  }
});

test('noise behind the magic bytes never throws', () => {
  const random = generator(9);
  for (let round = 0; round < 500; round++) {
    const noise = Uint8Array.from([...MAGIC, ...Array.from({ length: random(100) }, () => random(256))]);
    for (const { time } of messagesOf(noise)) assert.ok(time !== null && Number.isSafeInteger(time));
  }
});

test('the longest message arrives in a batch of its own', () => {
  const message: Message = { time: 1, sequence: 1, isText: false, bytes: new Uint8Array(1_048_576).fill(7) };
  const whole = batch([message]);
  const piece = new Uint8Array(20 + whole.length);
  const view = new DataView(piece.buffer);
  view.setUint32(0, 0xf5505343);
  view.setUint32(12, whole.length);
  piece.set(whole, 20);
  const arrived = new Joiner().take(piece);
  assert.ok(arrived !== null);
  assert.deepEqual(messagesOf(arrived), [message]);
});
