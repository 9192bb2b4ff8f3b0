import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countersOf, FrozenPictures } from '../src/frozen';

/** One look a second: [bytes, frames] for each. Says at which second the picture is called frozen. */
function frozenAt(looks: [bytes: number, decoded: number][], pictures = new FrozenPictures()): number {
  return looks.findIndex(([bytes, decoded], second) => pictures.isFrozen([{ mid: 'v', bytes, decoded }], second * 1_000));
}

test('packets without frames for three seconds are a frozen picture', () => {
  assert.equal(frozenAt([[100, 10], [200, 10], [300, 10], [400, 10], [500, 10]]), 4);
});

test('a source that has nothing to send is not frozen', () => {
  assert.equal(frozenAt([[100, 10], ...Array<[number, number]>(10).fill([100, 10])]), -1);
  assert.equal(frozenAt([[100, 10], [200, 10], ...Array<[number, number]>(10).fill([200, 10])]), -1, 'it stopped within a frame');
});

test('a slow source is not frozen', () => {
  const slow = Array.from({ length: 30 }, (_, second): [number, number] => [1_000 * Math.floor(second / 5), 1 + Math.floor(second / 5)]);
  assert.equal(frozenAt(slow), -1);
});

test('a picture that has not come yet is not frozen', () => {
  assert.equal(frozenAt([[0, 0], [100, 0], [200, 0], [300, 0], [400, 0], [500, 0]]), -1);
});

test('a frame begins the time anew, and so does another stream under the same name', () => {
  assert.equal(frozenAt([[100, 10], [200, 10], [300, 10], [400, 11], [500, 11], [600, 11], [700, 11], [800, 11]]), 7);
  assert.equal(frozenAt([[100, 10], [200, 10], [300, 10], [20, 10], [40, 10], [60, 10]]), -1);
});

test('each video is looked at by itself', () => {
  const pictures = new FrozenPictures();
  const seen = [0, 1, 2, 3, 4].map((second) =>
    pictures.isFrozen([{ mid: 'a', bytes: second, decoded: 1 + second }, { mid: 'b', bytes: second, decoded: 7 }], second * 1_000),
  );
  assert.deepEqual(seen, [false, false, false, false, true]);
});

test('only videos that come in count', () => {
  const report = [
    { type: 'inbound-rtp', kind: 'audio', mid: '2', bytesReceived: 1 },
    { type: 'outbound-rtp', kind: 'video', mid: '1', bytesReceived: 1 },
    { type: 'inbound-rtp', kind: 'video', mid: '1', bytesReceived: 5, framesDecoded: 2 },
    { type: 'inbound-rtp', kind: 'video', id: 'x', bytesReceived: 6 },
  ];
  assert.deepEqual(countersOf(report), [{ mid: '1', bytes: 5, decoded: 2 }, { mid: 'x', bytes: 6, decoded: 0 }]);
});
