import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, benchOf, benchOfOffer } from '../src/bench';
import { parseCode, type Code } from '../src/code';
import { fingerprintOf } from '../src/sdp';
import { FINGERPRINT, OFFER, PAGE_OFFER } from './samples';

const code = parseCode('IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA') as Code;
const own = fingerprintOf(OFFER)!;
const LITE = OFFER.replace('a=mid:0\r', 'a=mid:data0.k3Zx\r').replace('t=0 0', 't=0 0\r\na=ice-lite').replace(/a=candidate:2.*\r\n/, '');

test('the answer that a code stands for is written out', () => {
  assert.equal(
    answerOf(benchOf(code, own), PAGE_OFFER),
    [
      'v=0',
      'o=- 1 1 IN IP4 0.0.0.0',
      's=-',
      't=0 0',
      'a=ice-lite',
      'a=group:BUNDLE 7',
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      'c=IN IP4 0.0.0.0',
      'a=mid:7',
      `a=ice-ufrag:ifO+${Buffer.from(own).toString('base64').replace('=', '')}`,
      'a=ice-pwd:+5+fOssRMpCBxuKIgYRkE1fTWkkCurto',
      'a=fingerprint:sha-256 10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20:21:22:23:24:25:26:27:28:29:2A:2B:2C:2D:2E:2F',
      'a=setup:passive',
      'a=sctp-port:5000',
      'a=max-message-size:65536',
      'a=candidate:1 1 udp 2130706431 192.168.1.20 8080 typ host',
      'a=candidate:2 1 udp 2130706175 periscope-10111213.local 8080 typ host',
      'a=end-of-candidates',
      '',
    ].join('\r\n'),
  );
});

test('the ufrag holds the id and the page’s fingerprint', () => {
  const { ufrag } = benchOf(code, own);
  assert.equal(ufrag.length, 47);
  assert.deepEqual(new Uint8Array(Buffer.from(ufrag.slice(4), 'base64')), own);
});

test('the page’s own place is one more way to the bench, each way once, the name last', () => {
  const hosts = (alsoAt: string[]): string[] => benchOf(code, own, alsoAt).candidates.map((candidate) => candidate.split(' ')[4]!);
  assert.deepEqual(hosts(['192.168.1.77']), ['192.168.1.20', '192.168.1.77', 'periscope-10111213.local']);
  assert.deepEqual(hosts(['192.168.1.20']), ['192.168.1.20', 'periscope-10111213.local']);
});

test('an ICE-lite bench’s offer gives the answer that leaves the beginning to the bench', () => {
  const { bench, tag } = benchOfOffer(LITE)!;
  assert.equal(tag, 'k3Zx');
  const answer = answerOf(bench, PAGE_OFFER);
  for (const line of ['a=ice-lite', 'a=mid:7', 'a=ice-ufrag:aBcD', 'a=ice-pwd:0123456789abcdefghijkl', `a=fingerprint:${FINGERPRINT}`, 'a=setup:active', 'a=candidate:1 1 UDP 2015363327 192.168.1.20 8080 typ host']) {
    assert.ok(answer.split('\r\n').includes(line), line);
  }
  assert.equal(answer.split('a=candidate:').length, 2, 'bundled m-lines repeat the candidate');
});

test('what an offer says for all m-lines is found in its session part', () => {
  const moved = LITE.replace(/a=(ice-ufrag|ice-pwd|fingerprint):.*\r\n/g, '').replace('a=ice-lite', `a=ice-lite\r\na=ice-ufrag:sess\r\na=ice-pwd:0123456789abcdefghijkl\r\na=fingerprint:${FINGERPRINT}`);
  assert.equal(benchOfOffer(moved)?.bench.ufrag, 'sess');
  assert.equal(benchOfOffer(moved)?.bench.fingerprint, FINGERPRINT);
});

test('every other offer wants a full answer', () => {
  for (const [why, offer] of Object.entries({
    'full ICE': LITE.replace('a=ice-lite\r\n', ''),
    'ICE-lite is said for one m-line': LITE.replace('a=ice-lite\r\n', '').replace('a=mid:data0', 'a=ice-lite\r\na=mid:data0'),
    'a mid without tag': OFFER.replace('t=0 0', 't=0 0\r\na=ice-lite'),
    'two tags': LITE.replace('audio2.k3Zx\r\na=rtpmap', 'audio2.abcd\r\na=rtpmap'),
    'no data': LITE.replace('m=application 9', 'm=application 0'),
    'no password': LITE.replace(/a=ice-pwd:.*\r\n/, ''),
  })) {
    assert.equal(benchOfOffer(offer), null, why);
  }
});
