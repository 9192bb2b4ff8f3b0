import assert from 'node:assert/strict';
import { test } from 'node:test';
import { range, scalesOf } from '../src/instruments/scales';
import { Series, table } from '../src/instruments/series';

function series(count: number, value: (n: number) => number, limit?: number): Series {
  const made = new Series(limit);
  for (let n = 0; n < count; n++) made.add(n, value(n));
  return made;
}

test('a summary is of the time that is asked for', () => {
  const made = series(100, (n) => n);
  assert.deepEqual(made.summary(10, 20), { count: 11, min: 10, max: 20, mean: 15, last: 20 });
  assert.equal(made.summary(200, 300), null);
  assert.equal(new Series().summary(0, 1), null);
});

test('memory is bounded, the recent past is whole, and peaks of long ago remain', () => {
  const made = series(10_000, (n) => (n === 17 ? 1_000 : n % 10), 1_024);
  assert.ok(made.length <= 1_024 && made.times.length <= 1_024);
  assert.equal(made.summary(0, 10_000)?.max, 1_000);
  assert.equal(made.times[0], made.times[0]! | 0);
  const recent = made.indexOf(9_700);
  for (let i = recent; i < made.length; i++) assert.equal(made.times[i], 9_700 + i - recent);
  for (let i = 1; i < made.length; i++) assert.ok(made.times[i]! >= made.times[i - 1]!);
});

test('other series take memory from a long one, not its peaks', () => {
  const made = series(100_000, (n) => (n === 50_000 ? 99 : 0));
  made.shrinkTo(5_000);
  assert.ok(made.length < 5_000 && made.times.length <= 5_000);
  assert.equal(made.summary(0, 100_000)?.max, 99);
  for (let n = 0; n < 10_000; n++) made.add(100_000 + n, n);
  assert.ok(made.times.length <= 5_000);
  assert.equal(made.values[made.length - 1], 9_999);
});

test('a clock that was set far back begins a new history', () => {
  const made = new Series();
  for (const time of [1_000, 1_001, 5, 6]) made.add(time, time);
  assert.deepEqual([...made.times.slice(0, made.length)], [5, 6]);
});

test('what comes late does not put the history out of order', () => {
  const made = new Series();
  for (const time of [10, 11, 5, 6, 12]) made.add(time, time);
  assert.deepEqual([...made.times.slice(0, made.length)], [10, 11, 11, 11, 12]);
});

test('few points are drawn as they are, with one more on each side', () => {
  const [times, a, b] = table([series(100, (n) => n), series(50, (n) => -n)], 10, 12, 100);
  assert.deepEqual(times, [9, 10, 11, 12]);
  assert.deepEqual(a, [9, 10, 11, 12]);
  assert.deepEqual(b, [-9, -10, -11, -12]);
});

test('where one curve has no point, another one keeps its own', () => {
  const odd = new Series();
  odd.add(0.5, 7);
  const [times, a, b] = table([series(3, (n) => n), odd], 0, 3, 100);
  assert.deepEqual(times, [0, 0.5, 1, 2]);
  assert.deepEqual(a, [0, undefined, 1, 2]);
  assert.deepEqual(b, [undefined, 7, undefined, undefined]);
});

test('of many points the extremes remain', () => {
  const made = series(100_000, (n) => (n === 55_555 ? 99 : n === 77_777 ? -99 : Math.sin(n / 1_000)));
  const [times, column] = table([made], 0, 100_000, 500);
  assert.ok(times.length <= 2 * 502);
  const values = column!.filter((value): value is number => typeof value === 'number');
  assert.deepEqual([Math.max(...values), Math.min(...values)], [99, -99]);
  for (let i = 1; i < times.length; i++) assert.ok(times[i]! > times[i - 1]!);
});

test('curves of one unit share a scale, those without one only if they are alike', () => {
  const curve = (unit: string, max: number) => ({ unit, min: 0, max });
  assert.deepEqual(scalesOf([curve('V', 1), curve('V', 1_000), curve('A', 1)]), ['unit V', 'unit V', 'unit A']);
  const [a, b, c] = scalesOf([curve('', 21), curve('', 40), curve('', 101_325)]);
  assert.ok(a === b && b !== c);
});

test('a scale shows all and leaves some air', () => {
  const [low, high] = range(0, 10);
  assert.ok(low < 0 && low > -2 && high > 10 && high < 12);
  assert.deepEqual(range(null, null), [0, 1]);
  const [under, over] = range(5, 5);
  assert.ok(under < 5 && over > 5);
});
