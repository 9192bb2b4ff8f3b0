import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo, hasCandidates, hasFingerprint, iceUfrag, letBenchBegin, normalised, withoutCandidates, withStereo } from '../src/sdp';
import { ANSWER, FINGERPRINT, OFFER } from './samples';

test('ufrag, fingerprint and the offer that an answer belongs to are found', () => {
  assert.equal(iceUfrag(OFFER), 'aBcD');
  assert.equal(answerTo(OFFER), null);
  assert.equal(answerTo(ANSWER), 'QwEr');
  assert.ok(hasFingerprint(OFFER));
  assert.ok(!hasFingerprint(OFFER.replace(`a=fingerprint:${FINGERPRINT}\r\n`, '')));
});

test('only a session attribute says which offer an answer belongs to', () => {
  assert.equal(answerTo(OFFER.replace('a=mid:0', 'a=mid:0\r\na=x-periscope-answer-to:evil')), null);
});

test('candidates are taken out with the m-line that they belong to', () => {
  const { sdp, candidates } = withoutCandidates(OFFER);
  assert.ok(!hasCandidates(sdp));
  assert.ok(!sdp.includes('end-of-candidates'));
  assert.deepEqual(
    candidates.map(({ sdpMid, sdpMLineIndex }) => [sdpMid, sdpMLineIndex]),
    [['0', 0], ['0', 0], ['video1.k3Zx', 1]],
  );
  assert.equal(candidates[0]!.candidate, 'candidate:1 1 UDP 2015363327 192.168.1.20 8080 typ host');
  assert.equal(sdp.split('\r\n').length, OFFER.split('\r\n').length - 4);
});

test('a description without candidates stays as it is', () => {
  const { sdp } = withoutCandidates(OFFER);
  assert.deepEqual(withoutCandidates(sdp), { sdp, candidates: [] });
});

test('the answer asks for stereo where the offer sends it', () => {
  const answer = ANSWER.replace('sprop-stereo=1;useinbandfec=1', 'minptime=10;useinbandfec=1');
  assert.match(withStereo(answer, OFFER), /^a=fmtp:97 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1$/m);
});

test('a missing fmtp line is added, a contradicting one corrected', () => {
  const without = ANSWER.replace('a=fmtp:97 sprop-stereo=1;useinbandfec=1\r\n', '');
  assert.match(withStereo(without, OFFER), /a=rtpmap:97 OPUS\/48000\/2\r\na=fmtp:97 stereo=1;sprop-stereo=1\r\n/);
  const mono = ANSWER.replace('sprop-stereo=1;useinbandfec=1', 'stereo=0; useinbandfec=1');
  assert.match(withStereo(mono, OFFER), /^a=fmtp:97 useinbandfec=1;stereo=1;sprop-stereo=1$/m);
});

test('a mono offer gets the answer that the browser wrote', () => {
  for (const mono of [OFFER.replace('sprop-stereo=1;', ''), OFFER.replace('sprop-stereo=1', 'sprop-stereo=0')]) {
    assert.equal(withStereo(ANSWER, mono), ANSWER);
  }
});

test('lines are ended as the standard wants it', () => {
  assert.equal(normalised('v=0\ns=- \n\n\rt=0 0'), 'v=0\r\ns=-\r\nt=0 0\r\n');
});

test('the bench is left to begin the DTLS handshake', () => {
  assert.ok(OFFER.includes('a=setup:actpass\r\n'));
  const offer = letBenchBegin(OFFER);
  assert.ok(!offer.includes('actpass'));
  assert.equal(offer.split('a=setup:active\r\n').length, OFFER.split('a=setup:actpass\r\n').length);
});
