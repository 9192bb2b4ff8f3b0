import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, hexDump, History, written } from '../src/log';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

test('what can be read as text is shown as text', () => {
  assert.equal(written(utf8('21.5 °C\n')), '21.5 °C');
  assert.equal(written(utf8('a\r\nb\tc\r\n\r\n')), 'a\nb\tc');
});

test('what is no readable text is shown in hex', () => {
  assert.equal(written(bytes(0, 0xff, 0x41)), '00 ff 41');
  assert.equal(written(bytes(0xc3)), 'c3');
  assert.equal(written(utf8('A\u0007')), '41 07');
});

test('text is shown in hex where a person wants that', () => {
  assert.equal(written(utf8('FA;'), undefined, true), '46 41 3b');
});

test('a message in full is shown as hex editors do', () => {
  assert.equal(hexDump(bytes(0x46, 0x41, 0x3b, 0)), '0000  46 41 3b 00                                      FA;·');
  assert.deepEqual(hexDump(new Uint8Array(17)).split('\n').map((line) => line.slice(0, 8)), ['0000  00', '0010  00']);
  assert.ok(hexDump(new Uint8Array(5_000)).endsWith('… (5,000 bytes)'));
});

test('very long messages are shortened and say so', () => {
  assert.ok(written(utf8('x'.repeat(5_000))).endsWith('x … (5,000 characters)'));
  assert.ok(written(new Uint8Array(1_048_576)).endsWith('00 … (1,048,576 bytes)'));
});

test('time is local, to the millisecond', () => {
  assert.equal(clock(new Date(2025, 0, 2, 3, 4, 5, 6)), '03:04:05.006');
});

test('the arrow keys walk through earlier commands and back to the draft', () => {
  const history = new History();
  assert.equal(history.step(-1, 'draft'), null);
  for (const command of ['one', 'two', 'two', '']) history.add(command);
  assert.equal(history.step(-1, 'draft'), 'two');
  assert.equal(history.step(-1, 'two'), 'one');
  assert.equal(history.step(-1, 'one'), null);
  assert.equal(history.step(1, 'one'), 'two');
  assert.equal(history.step(1, 'two'), 'draft');
  assert.equal(history.step(1, 'draft'), null);
});
