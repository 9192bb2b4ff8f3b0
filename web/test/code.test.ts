import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBase64Url } from '../src/base64';
import { derived, findCode, hostName, parseCode, shortAnswer, troubleWith, type Code } from '../src/code';

/** The test vector that bench and page share. */
const VECTOR = 'IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA';
const bytes = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, i) => from + i);
const vector: Code = { rights: 'view', secret: bytes(0, 16), fingerprint: bytes(16, 48), port: 8080, addresses: ['192.168.1.20'] };

function code(first: number, addresses: number[]): string {
  return toBase64Url(Uint8Array.from([first, ...bytes(0, 48), 0x1f, 0x90, ...addresses]));
}

const IPV6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

test('the vector is read', () => {
  assert.equal(VECTOR.length, 74);
  assert.deepEqual(parseCode(VECTOR), vector);
});

test('id and password are those that the bench derives', () => {
  assert.deepEqual(derived(vector), { id: 'ifO+', password: '+5+fOssRMpCBxuKIgYRkE1fTWkkCurto' });
});

test('the bench’s name is the beginning of its fingerprint', () => {
  assert.equal(hostName(vector), 'periscope-10111213.local');
});

test('rights, several addresses and both kinds of them are read', () => {
  const both = parseCode(code(0x32, [10, 0, 0, 1, 192, 168, 1, 20, ...IPV6])) as Code;
  assert.equal(both.rights, 'control');
  assert.deepEqual(both.addresses, ['10.0.0.1', '192.168.1.20', '2001:db8:0:0:0:0:0:7']);
  const six = parseCode(code(0x20, IPV6)) as Code;
  assert.deepEqual([six.rights, six.addresses], ['view', ['2001:db8:0:0:0:0:0:7']]);
});

test('every shortening of a code is cut off, not something else', () => {
  for (let length = 2; length < VECTOR.length; length++) assert.equal(parseCode(VECTOR.slice(0, length)), 'cut-off', `${length}`);
});

test('what no bench writes is no code', () => {
  assert.equal(parseCode(code(0x20, [])), 'cut-off', 'no address');
  assert.equal(parseCode(code(0x29, Array(36).fill(1))), 'cut-off', 'nine addresses');
  assert.equal(parseCode(code(0x20, Array(9 * 16).fill(1))), 'cut-off', 'nine IPv6 addresses');
  assert.equal(parseCode(`${VECTOR.slice(0, -1)}B`), 'cut-off', 'unused bits that are not zero');
  assert.equal(parseCode(VECTOR.replace('x-QwKgBFA', 'wAAwKgBFA')), 'cut-off', 'port 0');
  for (const version of [0, 3, 4, 5, 6, 7]) assert.equal(parseCode(code((version << 5) | 1, [1, 2, 3, 4])), 'other-version');
});

const found = (text: string): string | null => findCode(text)?.text ?? null;

test('a code is found however it was carried', () => {
  const half = VECTOR.length / 2;
  const torn = `${VECTOR.slice(0, half)}\n  ${VECTOR.slice(half)}`;
  for (const text of [
    VECTOR,
    `  ${VECTOR}\r\n`,
    torn,
    [...VECTOR].join('').replace(/.{10}/g, '$& '),
    `periscope: code ${VECTOR}`,
    `periscope: code ${torn}`,
    `“${VECTOR}”.`,
    `<${VECTOR}>`,
    `(see ${VECTOR}), thanks!`,
    `code:${VECTOR}`,
    `http://192.168.1.20:8080/#${VECTOR}`,
    `Hi Bob, open http://192.168.1.20:8080/#${VECTOR}.\nCheers, Ann`,
    `http://192.168.1.20:8080/#${torn}`,
    `file:///home/me/periscope.html#${VECTOR}`,
    `Hello,\n\nthis is the code of the bench:\n\n${torn}\n\nSee you soon`,
  ]) {
    assert.equal(found(text), VECTOR, text);
  }
});

test('hyphens that a text program made into dashes are hyphens', () => {
  assert.equal(found(VECTOR.replace('-', '\u2010')), VECTOR);
  const double = toBase64Url(Uint8Array.from([0x21, 0, 0, 0xfb, 0xef, 0xbe, ...bytes(5, 48), 0x1f, 0x90, 1, 2, 3, 4]));
  assert.ok(double.includes('--'));
  assert.equal(found(double.replace('--', '\u2014')), double);
});

test('nothing else is taken for a code', () => {
  for (const text of ['', 'what is this?', VECTOR.slice(0, -1), 'http://192.168.1.20:8080/#AAAAAAAAAAAAAAAAAAAAAA', 'eyJ0eXBlIjoib2ZmZXIi'.repeat(20)]) {
    assert.equal(found(text), null, text);
  }
});

test('what was meant to be a code gets the reason why it is none', () => {
  assert.equal(troubleWith(VECTOR.slice(0, -1)), 'cut-off');
  assert.equal(troubleWith(`periscope: code ${VECTOR.slice(0, 50)}`), 'cut-off');
  assert.equal(troubleWith(`periscope: code ${VECTOR.slice(0, 20)}`), 'cut-off');
  assert.equal(troubleWith(`${VECTOR}x`), 'cut-off');
  assert.equal(troubleWith(code(0x61, [1, 2, 3, 4])), 'other-version');
  assert.equal(troubleWith(shortAnswer('k3Zx', bytes(0, 32))), 'short-answer');
  for (const text of ['what is this?', 'A'.repeat(22), 'averylongword '.repeat(30)]) assert.equal(troubleWith(text), null, text);
});

test('the short answer is 50 characters of tag and fingerprint', () => {
  const text = shortAnswer('k3Zx', bytes(0, 32));
  assert.equal(text.length, 50);
  assert.deepEqual([...Buffer.from(text, 'base64url')], [0x40, ...Buffer.from('k3Zx'), ...bytes(0, 32)]);
});

test('a long text is looked through at once', () => {
  const started = performance.now();
  for (const evil of ['a ', 'I- ', 'I'.repeat(30) + ' ', '{', 'I=']) {
    for (const length of [19_000, 900_000]) {
      const text = evil.repeat(length / evil.length);
      findCode(text);
      troubleWith(text);
    }
  }
  assert.ok(performance.now() - started < 2_000);
});
