import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gather, fileName } from '../src/instruments/export';
import { Gaps } from '../src/instruments/gaps';
import { Lines, MOST_ROWS } from '../src/instruments/lines';
import { CSV_HEADER, csvLine, isoTime, logLine, Sheet } from '../src/instruments/sheet';
import { Store, type Entry } from '../src/instruments/store';
import { generator } from './random';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const entry = (fields: Partial<Entry> = {}): Entry => ({ label: 'psu', time: 1_763_728_788_123_456, sequence: 1, isText: true, isSent: false, bytes: utf8('x'), ...fields });
const soon = (): Promise<void> => Promise.resolve();

async function csv(store: Store): Promise<string> {
  return (await Promise.all((await gather(store, CSV_HEADER, csvLine, undefined, soon)).map((part) => part.text()))).join('');
}

test('what went into the store comes out of it', () => {
  const random = generator(1);
  const store = new Store();
  const all: Entry[] = Array.from({ length: 9_000 }, (_, index) =>
    entry({
      label: `label ${random(3)}`,
      time: index + 0.5,
      sequence: random(3) === 0 ? null : random(2 ** 32),
      isText: random(2) === 0,
      isSent: random(2) === 0,
      bytes: Uint8Array.from({ length: random(500) === 0 ? 300_000 : random(90) }, () => random(256)),
    }),
  );
  for (const one of all) store.append(one);
  assert.equal(store.end, all.length);
  for (let n = 0; n < all.length; n += 1 + random(40)) assert.deepEqual(store.get(n), all[n]);
  assert.equal(store.get(-1), null);
  assert.equal(store.get(all.length), null);
});

test('a full store lets the oldest messages go, and never takes more than its limit', () => {
  const store = new Store(2_000_000);
  for (let n = 0; n < 100_000; n++) store.append(entry({ sequence: n, bytes: utf8(`message ${n}`) }));
  assert.ok(store.bytes <= 2_000_000 && store.first > 0);
  assert.equal(store.get(store.first - 1), null);
  assert.equal(store.get(store.first)?.sequence, store.first);
  assert.equal(store.get(99_999)?.sequence, 99_999);
});

test('the CSV has the host’s time to the microsecond and is quoted only where it must be', async () => {
  const store = new Store();
  store.append(entry({ bytes: utf8('+3.3012E+00') }));
  store.append(entry({ isSent: true, bytes: utf8('TX;') }));
  store.append(entry({ label: 'a,b', time: 1, sequence: null, bytes: utf8('say "µ",\r\n') }));
  store.append(entry({ isText: false, sequence: 2, bytes: Uint8Array.of(0, 0xff, 0x10) }));
  assert.equal(
    await csv(store),
    'time_us,time,label,sequence,text\r\n' +
      '1763728788123456,2025-11-21T12:39:48.123456Z,psu,1,+3.3012E+00\r\n' +
      '1,1970-01-01T00:00:00.000001Z,"a,b",,"say ""µ"",\r\n"\r\n' +
      '1763728788123456,2025-11-21T12:39:48.123456Z,psu,2,0x00ff10\r\n',
  );
});

/** A reader of RFC 4180, to read what was written. */
function readCsv(text: string): string[][] {
  return [...text.matchAll(/((?:(?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,|\r\n))+?)(?<=\r\n)/g)].map(([line]) =>
    [...line.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(?:,|\r\n)/g)].map(([, field = '']) => (field.startsWith('"') ? field.slice(1, -1).replace(/""/g, '"') : field)),
  );
}

test('whatever text was received is in the CSV byte for byte', async () => {
  const random = generator(5);
  const store = new Store();
  const texts = Array.from({ length: 3_000 }, () => Array.from({ length: random(12) }, () => 'a",\r\n;µ€ '[random(9)]!).join(''));
  for (const [n, text] of texts.entries()) store.append(entry({ sequence: n, bytes: utf8(text) }));
  const rows = readCsv(await csv(store));
  assert.deepEqual(rows[0], ['time_us', 'time', 'label', 'sequence', 'text']);
  assert.deepEqual(rows.slice(1).map((row) => row[4]), texts);
  assert.deepEqual(rows.slice(1).map((row) => Number(row[3])), texts.map((_, n) => n));
});

test('a large export lets others have their turn, and says how far it is', async () => {
  const store = new Store();
  for (let n = 0; n < 60_000; n++) store.append(entry({ sequence: n, bytes: utf8('0123456789'.repeat(5)) }));
  const progress: number[] = [];
  const parts = await gather(store, CSV_HEADER, csvLine, (part) => progress.push(part), soon);
  assert.ok(parts.length > 3 && progress.length >= 2);
  assert.ok(progress.every((part, index) => part > (progress[index - 1] ?? 0) && part < 1));
});

test('messages that come or go while the export is made do no harm', async () => {
  const store = new Store(1_000_000);
  for (let n = 0; n < 20_000; n++) store.append(entry({ sequence: n }));
  const last = store.end - 1;
  let pauses = 0;
  const parts = await gather(store, '', (sheet, one) => {
    if (pauses++ === 100) for (let n = 0; n < 8_000; n++) store.append(entry({ sequence: 1_000_000 + n }));
    csvLine(sheet, one);
  }, undefined, soon);
  const rows = readCsv((await Promise.all(parts.map((part) => part.text()))).join(''));
  assert.equal(rows[rows.length - 1]?.[3], String(last));
});

test('microseconds are written as they are', () => {
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000000Z');
  assert.equal(isoTime(1_763_728_788_000_001), '2025-11-21T12:39:48.000001Z');
  assert.equal(isoTime(1_763_728_788_999_999), '2025-11-21T12:39:48.999999Z');
});

test('the log as text says what was sent, too', () => {
  const sheet = new Sheet();
  logLine(sheet, entry({ time: new Date(2025, 0, 2, 3, 4, 5, 6).getTime() * 1000, isSent: true }), 'FA;');
  assert.equal(new TextDecoder().decode(sheet.take()), '2025-01-02 03:04:05.006 to psu FA;\n');
});

test('a file is named after the time at which it was made', () => {
  assert.equal(fileName('csv', new Date(2025, 0, 2, 3, 4, 5)), 'periscope-2025-01-02-03-04-05.csv');
});

// ---- What was lost -------------------------------------------------------------------------------------------

test('gaps in the numbers are counted for each label', () => {
  const gaps = new Gaps();
  for (const [label, sequence] of [['a', 57], ['a', 58], ['b', 1], ['a', 61], ['b', 2], ['b', 4]] as const) gaps.take(label, sequence, sequence);
  assert.equal(gaps.total, 3);
  assert.deepEqual(gaps.byLabel, [['a', 2], ['b', 1]]);
});

test('numbers that wrap around are no gap', () => {
  const gaps = new Gaps();
  for (const sequence of [0xffff_fffe, 0xffff_ffff, 0, 1]) gaps.take('a', sequence, 1);
  assert.equal(gaps.total, 0);
});

test('a message that comes late was not lost', () => {
  const gaps = new Gaps();
  for (const sequence of [1, 2, 4, 3, 5]) gaps.take('a', sequence, sequence);
  assert.equal(gaps.total, 0);
});

test('a pipeline that starts anew counts anew', () => {
  const gaps = new Gaps();
  gaps.take('a', 900, 10);
  gaps.take('a', 1, 20);
  gaps.take('a', 3, 30);
  assert.equal(gaps.total, 1);
  gaps.begin();
  gaps.take('a', 77, 40);
  assert.equal(gaps.total, 1);
});

// ---- Rows of the log -----------------------------------------------------------------------------------------

function filled(count: number): Store {
  const store = new Store();
  for (let n = 0; n < count; n++) store.append(entry({ sequence: n }));
  return store;
}

test('without a filter every message is a row', () => {
  const lines = new Lines(filled(100));
  assert.deepEqual([lines.count, lines.at(0), lines.at(99)], [100, 0, 99]);
});

test('a filter is applied in steps, to what comes later, too', () => {
  const store = filled(1_000);
  const lines = new Lines(store);
  lines.filter(({ sequence }) => sequence! % 100 === 7);
  assert.equal(lines.step(), true);
  while (lines.step());
  assert.deepEqual([lines.count, lines.at(0), lines.at(9)], [10, 7, 907]);
  store.append(entry({ sequence: 107 }));
  lines.step();
  assert.deepEqual([lines.count, lines.at(10)], [11, 1_000]);
  lines.filter(null);
  assert.equal(lines.count, 1_001);
});

test('a paused log stands still and counts what it holds back', () => {
  const store = filled(10);
  const lines = new Lines(store);
  lines.hold(true);
  for (let n = 0; n < 5; n++) store.append(entry());
  assert.deepEqual([lines.count, lines.heldBack], [10, 5]);
  lines.hold(false);
  assert.deepEqual([lines.count, lines.heldBack], [15, 0]);
});

test('what was cleared away stays in the store', () => {
  const store = filled(10);
  const lines = new Lines(store);
  lines.clear();
  assert.equal(lines.count, 0);
  store.append(entry());
  assert.deepEqual([lines.count, lines.at(0), store.first], [1, 10, 0]);
});

test('there are never more rows than a browser can scroll', () => {
  const store = filled(MOST_ROWS + 15_000);
  const lines = new Lines(store);
  assert.ok(lines.count <= MOST_ROWS);
  assert.equal(lines.at(lines.count - 1), store.end - 1);
  lines.filter(() => true);
  while (lines.step());
  assert.ok(lines.count <= MOST_ROWS);
  assert.equal(lines.at(lines.count - 1), store.end - 1);
});
