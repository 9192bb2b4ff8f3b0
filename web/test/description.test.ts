import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf, read, write, type Pasted } from '../src/description';
import { ANSWER, OFFER } from './samples';

const base64 = write({ type: 'offer', sdp: OFFER });
const json = JSON.stringify({ type: 'offer', sdp: OFFER });

function isOffer(pasted: Pasted): void {
  assert.deepEqual(pasted, { kind: 'description', type: 'offer', sdp: OFFER });
}

function wrap(text: string, width: number): string {
  return text.replace(new RegExp(`(.{${width}})`, 'g'), '$1\n');
}

test('every form that the bench prints is read', () => {
  isOffer(read(base64));
  isOffer(read(json));
  isOffer(read(OFFER));
  isOffer(read(`periscope: offer ${base64}`));
  assert.deepEqual(read(`periscope: answer ${write({ type: 'answer', sdp: ANSWER })}\n`), { kind: 'description', type: 'answer', sdp: ANSWER });
});

test('what is written is base64 of JSON that anybody can read', () => {
  assert.deepEqual(JSON.parse(Buffer.from(base64, 'base64').toString('utf8')), { type: 'offer', sdp: OFFER });
});

test('line ends of every kind are read', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    isOffer(read(OFFER.replace(/\r\n/g, end)));
    isOffer(read(wrap(base64, 76).replace(/\n/g, end)));
  }
});

test('what a mail program does to a text is undone', () => {
  for (const width of [60, 64, 72, 76]) {
    const wrapped = wrap(base64, width);
    isOffer(read(wrapped));
    isOffer(read(wrapped.replace(/^/gm, '> ')));
    isOffer(read(wrapped.replace(/^/gm, '>> ')));
    isOffer(read(`Hi,\n\nhere is the offer from the bench:\n\nperiscope: offer ${wrapped}\n\nCheers\nBob\n`));
  }
  isOffer(read(wrap(json, 72)));
  isOffer(read(wrap(json, 72).replace(/^/gm, '> ')));
  isOffer(read(OFFER.replace(/^/gm, '> ')));
  isOffer(read(`On Monday Bob wrote:\n${OFFER.replace(/^/gm, '> ')}\nThanks, it works!`));
});

test('plain SDP that was wrapped between words or anywhere is put together', () => {
  const atColumn = (text: string, cut: (line: string) => string): string => text.split('\r\n').map(cut).join('\n');
  isOffer(read(atColumn(OFFER, (line) => (line.length > 72 ? `${line.slice(0, 72)}\n${line.slice(72)}` : line))));
  const betweenWords = (line: string): string => {
    const at = line.lastIndexOf(' ', 72);
    return line.length > 72 && at > 60 ? `${line.slice(0, at)}\n${line.slice(at + 1)}` : line;
  };
  isOffer(read(atColumn(OFFER.replace('1 1 UDP 2015363327', '1000000000000000000000000000000 1 UDP 2015363327'), betweenWords).replace(/1000000000000000000000000000000/g, '1')));
});

test('curly quotes, code fences, invisible characters and prose are no obstacle', () => {
  isOffer(read(json.replace(/"/g, (_, at: number) => (at % 2 ? '\u201c' : '\u201d'))));
  isOffer(read('```json\n' + json + '\n```'));
  isOffer(read('```\n' + base64 + '\n```'));
  isOffer(read(`\ufeff${base64.slice(0, 40)}\u200b${base64.slice(40)}`));
  isOffer(read(`here you go: ${base64}\nthat was all {really}`));
  isOffer(read(`{ not json } and then ${json} and more`));
  isOffer(read(base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')));
  isOffer(read(Buffer.from(OFFER).toString('base64')));
  isOffer(read(OFFER.replace(/\r\n/g, '\\r\\n')));
});

test('JSON in the manner of other projects is read', () => {
  isOffer(read(JSON.stringify({ sdp: { type: 'offer', sdp: OFFER } })));
  isOffer(read(JSON.stringify({ type: 'offer', sdp: OFFER, extra: [1, { a: '}' }] }, null, 2)));
  isOffer(read(JSON.stringify({ type: 'offer', sdp: OFFER.replace(/\r\n/g, '\n') })));
});

test('plain SDP tells by its DTLS role what it is', () => {
  const kind = (sdp: string): string => {
    const pasted = read(sdp);
    return pasted.kind === 'description' ? pasted.type : pasted.kind;
  };
  assert.equal(kind(OFFER), 'offer');
  assert.equal(kind(ANSWER), 'answer');
  assert.equal(kind(OFFER.replace('actpass', 'passive')), 'answer');
});

test('an address is read with its key, wherever it stands', () => {
  const address = { kind: 'address', base: 'http://192.168.1.20:8080', key: 'k3y_-A' };
  assert.deepEqual(read('http://192.168.1.20:8080/#k3y_-A'), address);
  assert.deepEqual(read('periscope: page http://192.168.1.20:8080/#k3y_-A\n'), address);
  assert.deepEqual(read('> Open <http://192.168.1.20:8080/#k3y_-A>.'), address);
  assert.deepEqual(read('192.168.1.20:8080/#k3y_-A'), address);
  assert.deepEqual(read('(http://192.168.1.20:8080/#k3y_-A).'), address);
  assert.deepEqual(read('http://[fd00::2]:8080/#k'), { kind: 'address', base: 'http://[fd00::2]:8080', key: 'k' });
  assert.deepEqual(read('http://bench.local:8080/'), { kind: 'address', base: 'http://bench.local:8080', key: '' });
  assert.equal(keyOf('#abc'), 'abc');
  assert.equal(keyOf(''), '');
});

test('what cannot be read says why', () => {
  const why = (text: string): string => {
    const pasted = read(text);
    return pasted.kind === 'unreadable' ? pasted.why : pasted.kind;
  };
  assert.equal(why(''), 'empty');
  assert.equal(why(' \n\t '), 'empty');
  assert.equal(why('hello, world'), 'unknown');
  assert.equal(why('{"type":"offer"}'), 'cut-off');
  assert.equal(why('x'.repeat(1_000_001)), 'too-long');
  for (const part of [0.3, 0.6, 0.95]) {
    assert.equal(why(base64.slice(0, base64.length * part)), 'cut-off');
    assert.equal(why(json.slice(0, json.length * part)), 'cut-off');
  }
  assert.equal(why('v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n'), 'cut-off');
  assert.equal(why('{"type":"rollback","sdp":""}'), 'cut-off');
});

test('no paste, however odd, throws or takes long', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const started = performance.now();
  for (let i = 0; i < 300; i++) {
    const source = [base64, json, OFFER, `http://h/#${base64}`][random(4)]!;
    const characters = [...source];
    for (let n = random(20); n >= 0; n--) characters.splice(random(characters.length), random(3), '{}"\\\n> =\u201c'[random(9)]!);
    read(characters.join(''));
  }
  for (const evil of ['{', '{"', '>', 'eyJ', 'v=0\n', '"', '\\']) read(evil.repeat(900_000 / evil.length));
  assert.ok(performance.now() - started < 10_000);
});
