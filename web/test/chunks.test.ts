import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteLength, Joiner, LONGEST_MESSAGE, LONGEST_PIECE, Splitter, type Payload } from '../src/chunks';
import { generator } from './random';

const MAGIC = [0xf5, 0x50, 0x53, 0x43];

function bytes(length: number, random: (below: number) => number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

function throughTheWire(pieces: Payload[], joiner: Joiner): Payload[] {
  return pieces.flatMap((piece) => joiner.take(piece) ?? []);
}

function chunk(fields: { kind?: number; zero?: number; number?: number; total?: number; offset?: number }, part: number[]): Uint8Array {
  const piece = new Uint8Array(20 + part.length);
  const view = new DataView(piece.buffer);
  piece.set(MAGIC);
  view.setUint8(4, fields.kind ?? 0);
  view.setUint8(6, fields.zero ?? 0);
  view.setUint32(8, fields.number ?? 0);
  view.setUint32(12, fields.total ?? part.length);
  view.setUint32(16, fields.offset ?? 0);
  piece.set(part, 20);
  return piece;
}

test('short messages travel as they are', () => {
  const splitter = new Splitter();
  for (const message of ['a', 'x'.repeat(LONGEST_PIECE), new Uint8Array([0]), new Uint8Array(LONGEST_PIECE)]) {
    assert.deepEqual(splitter.split(message), [message]);
    assert.equal(new Joiner().take(message), message);
  }
});

test('empty messages are neither sent nor delivered', () => {
  assert.deepEqual(new Splitter().split(''), []);
  assert.deepEqual(new Splitter().split(new Uint8Array()), []);
  assert.equal(new Joiner().take(''), null);
  assert.equal(new Joiner().take(new Uint8Array()), null);
});

test('the bytes of a chunk are those that the protocol names', () => {
  const splitter = new Splitter();
  splitter.split('é'.repeat(LONGEST_PIECE));
  const [first, second] = splitter.split(new Uint8Array(LONGEST_PIECE + 1).fill(7)) as Uint8Array[];
  assert.equal(first!.length, LONGEST_PIECE);
  assert.deepEqual([...first!.subarray(0, 21)], [...MAGIC, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x40, 1, 0, 0, 0, 0, 7]);
  assert.deepEqual([...second!.subarray(0, 20)], [...MAGIC, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x40, 1, 0, 0, 0x3f, 0xec]);
  assert.equal(second!.length, 20 + 21);
});

test('length is counted in bytes, not in characters', () => {
  const message = 'é'.repeat(LONGEST_PIECE / 2 + 1);
  assert.equal(byteLength(message), LONGEST_PIECE + 2);
  assert.equal(new Splitter().split(message).length, 2);
});

test('bytes that look like a chunk travel as one', () => {
  const message = new Uint8Array([...MAGIC, 1, 2, 3]);
  const pieces = new Splitter().split(message);
  assert.equal(pieces.length, 1);
  assert.notDeepEqual(pieces[0], message);
  assert.deepEqual(throughTheWire(pieces, new Joiner()), [message]);
});

test('whatever is sent arrives, in order, whatever its size', () => {
  const random = generator(20);
  const splitter = new Splitter();
  const joiner = new Joiner();
  const border = LONGEST_PIECE - 20;
  for (let round = 0; round < 120; round++) {
    const size = 1 + [random(40), border + random(40) - 20, 2 * border + random(5) - 2, random(200_000)][random(4)]!;
    const message: Payload =
      random(2) === 0 ? bytes(size, random) : Array.from({ length: size }, () => 'aé€\u{1f52d}\n'.at(random(5)) ?? 'b').join('').replace(/[\ud800-\udfff]/g, '𝄞');
    if (typeof message !== 'string' && random(3) === 0) message.set(MAGIC.slice(0, message.length));
    const pieces = splitter.split(message);
    for (const piece of pieces) assert.ok(byteLength(piece) <= LONGEST_PIECE);
    assert.deepEqual(throughTheWire(pieces, joiner), [message]);
  }
});

test('one mebibyte passes, one byte more does not', () => {
  const longest = new Uint8Array(LONGEST_MESSAGE).fill(1);
  assert.deepEqual(throughTheWire(new Splitter().split(longest), new Joiner()), [longest]);
  assert.throws(() => new Splitter().split(new Uint8Array(LONGEST_MESSAGE + 1)), RangeError);
  assert.throws(() => new Splitter().split('é'.repeat(LONGEST_MESSAGE / 2 + 1)), RangeError);
});

test('a message with a gap is dropped, and the next one arrives', () => {
  const random = generator(3);
  for (let round = 0; round < 60; round++) {
    const splitter = new Splitter();
    const joiner = new Joiner();
    const lost = splitter.split(bytes(60_000, random));
    const next = bytes(40_000, random);
    const damaged = [...lost];
    damaged.splice(random(lost.length), 1);
    assert.deepEqual(throughTheWire(damaged, joiner), []);
    assert.deepEqual(throughTheWire(splitter.split(next), joiner), [next]);
  }
});

test('a message that another one interrupts is dropped', () => {
  const [first, second] = new Splitter().split(new Uint8Array(20_000)) as [Payload, Payload];
  const joiner = new Joiner();
  assert.deepEqual(throughTheWire([first, 'hello', second], joiner), ['hello']);
  assert.deepEqual(throughTheWire([first, first, second], joiner), [new Uint8Array(20_000)]);
});

test('chunks that contradict each other or themselves are dropped', () => {
  const joiner = new Joiner();
  const broken = [
    chunk({ total: 2 ** 32 - 1 }, [1]),
    chunk({ total: LONGEST_MESSAGE + 1 }, [1]),
    chunk({ total: 1 }, [1, 2]),
    chunk({ total: 9, offset: 4 }, [1]),
    chunk({ total: 2, offset: 2 ** 32 - 1 }, [1]),
    chunk({ kind: 2 }, [1]),
    chunk({ zero: 1 }, [1]),
    chunk({}, []),
    new Uint8Array(MAGIC),
    new Uint8Array([...MAGIC, 0]),
  ];
  for (const piece of broken) assert.equal(joiner.take(piece), null);
  assert.equal(joiner.take(chunk({ total: 4, number: 1 }, [1, 2])), null);
  assert.equal(joiner.take(chunk({ total: 4, number: 2, offset: 2 }, [3, 4])), null);
  assert.equal(joiner.take(chunk({ total: 4, number: 3 }, [1, 2])), null);
  assert.equal(joiner.take(chunk({ total: 4, number: 3, offset: 2, kind: 1 }, [3, 4])), null);
  assert.deepEqual(joiner.take(chunk({ total: 2 }, [1, 2])), new Uint8Array([1, 2]));
});

test('noise never throws and never makes up a message', () => {
  const random = generator(9);
  const joiner = new Joiner();
  for (let round = 0; round < 5_000; round++) {
    const piece = bytes(random(64), random);
    piece.set(MAGIC.slice(0, piece.length));
    const message = joiner.take(piece);
    assert.ok(message === null || message.length === (piece.length < MAGIC.length ? piece.length : piece.length - 20));
  }
});

test('text that is no UTF-8 arrives as bytes', () => {
  assert.deepEqual(new Joiner().take(chunk({ kind: 1 }, [0xc3])), new Uint8Array([0xc3]));
  assert.equal(new Joiner().take(chunk({ kind: 1 }, [0xc3, 0xa9])), 'é');
});

test('chunks are read at their place in a larger buffer', () => {
  const whole = new Uint8Array(64);
  whole.set(chunk({}, [5, 6]), 11);
  assert.deepEqual(new Joiner().take(whole.subarray(11, 33)), new Uint8Array([5, 6]));
});
