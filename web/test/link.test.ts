import assert from 'node:assert/strict';
import { test } from 'node:test';
import encodeQR from 'qr';
import decodeQR from 'qr/decode.js';
import { findCode } from '../src/code';
import { linkTo } from '../src/link';
import { outline } from '../src/share';
import { servedFrom, type Home } from '../src/ways';

const { code, text } = findCode('IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA')!;
const byCode: Home = { kind: 'code', code, text };

test('a served page passes on its own address with the code, a page from a file the code', () => {
  assert.equal(linkTo(byCode, 'http://192.168.1.77:8080'), `http://192.168.1.77:8080/#${text}`);
  assert.equal(linkTo(byCode, null), text);
});

test('a page that came by an address passes on that address', () => {
  const home: Home = { kind: 'whep', address: { base: 'http://192.168.1.20:8080', key: 'k' } };
  for (const origin of [null, 'http://192.168.1.20:8080', 'http://elsewhere']) assert.equal(linkTo(home, origin), 'http://192.168.1.20:8080/#k');
});

test('a page that came from this computer passes on an address that others have use for', () => {
  for (const origin of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']) {
    assert.equal(linkTo(byCode, origin), `http://192.168.1.20:8080/#${text}`);
  }
  const six: Home = { kind: 'code', code: { ...code, addresses: ['2001:db8:0:0:0:0:0:7'] }, text };
  assert.equal(linkTo(six, 'http://localhost:8080'), `http://[2001:db8:0:0:0:0:0:7]:8080/#${text}`);
  assert.equal(linkTo(byCode, 'http://localhost:3000'), `http://localhost:3000/#${text}`, 'another server than the bench');
});

test('the place that served the page is a way to the bench if it can be one', () => {
  const at = (protocol: string, hostname: string, port: string): string[] => servedFrom({ protocol, hostname, port }, code);
  assert.deepEqual(at('http:', '192.168.1.77', '8080'), ['192.168.1.77']);
  assert.deepEqual(at('http:', '[2001:db8::7]', '8080'), ['2001:db8::7']);
  assert.deepEqual(at('http:', '192.168.1.77', '80'), [], 'another port');
  assert.deepEqual(at('http:', 'bench.example', '8080'), [], 'a name');
  assert.deepEqual(at('file:', '', ''), []);
});

test('the drawn QR code is the link', () => {
  const modules = encodeQR(linkTo(byCode, 'http://192.168.1.20:8080'), 'raw', { ecc: 'low', border: 4 });
  // The picture as a camera would see it: from the drawing's path, each module four pixels wide.
  const size = modules.length * 4;
  const data = new Uint8ClampedArray(size * size * 4).fill(255);
  for (const [, x, y, width] of outline(modules).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let row = Number(y) * 4; row < (Number(y) + 1) * 4; row++) {
      for (let column = Number(x) * 4; column < (Number(x) + Number(width)) * 4; column++) {
        data.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3);
      }
    }
  }
  assert.equal(decodeQR({ width: size, height: size, data }), `http://192.168.1.20:8080/#${text}`);
});
