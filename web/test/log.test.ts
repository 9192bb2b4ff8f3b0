import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, History, written } from '../src/log';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('text is shown as text, whichever way it came', () => {
  assert.equal(written('21.5 °C\r\n'), '21.5 °C');
  assert.equal(written(new TextEncoder().encode('21.5 °C\n')), '21.5 °C');
  assert.equal(written('a\r\nb\tc\r\n\r\n'), 'a\nb\tc');
});

test('what is no readable text is shown in hex', () => {
  assert.equal(written(bytes(0, 0xff, 0x41)), '00 ff 41');
  assert.equal(written(bytes(0xc3)), 'c3');
  assert.equal(written('A\u0007'), '41 07');
});

test('very long messages are shortened and say so', () => {
  assert.ok(written('x'.repeat(5_000)).endsWith('x … (5,000 characters)'));
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
