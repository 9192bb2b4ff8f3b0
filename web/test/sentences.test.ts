import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as say from '../src/sentences';
import { WhepError } from '../src/whep';

test('what the bench says is quoted as one sentence', () => {
  assert.equal(say.ended({ kind: 'bye', text: 'the certificate is not the one in the answer' }), 'The bench ended the session: the certificate is not the one in the answer.');
  assert.equal(say.ended({ kind: 'bye', text: '' }), 'The bench ended the session.');
  assert.ok(say.ended({ kind: 'bye', text: 'x'.repeat(9_999) }).length < 400);
});

test('a refusal names the bench by its address and repeats its reason', () => {
  assert.match(say.refused(new WhepError('unreachable'), 'http://192.168.1.20:8080'), /192\.168\.1\.20:8080 cannot be reached/);
  assert.match(say.refused(new WhepError('full', 'max-peers is 4'), 'http://h'), /It says: max-peers is 4\./);
});

test('streams that do not come are listed', () => {
  assert.match(say.notSent(['a']), /send a to/);
  assert.match(say.notSent(['a', 'b']), /send a and b to/);
  assert.match(say.notSent(['a', 'b', 'c']), /send a, b and c to/);
});
