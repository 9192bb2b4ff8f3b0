import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCode } from '../src/code';
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

const CODE = { kind: 'code' as const, ...findCode('IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA')! };

test('a code that gets no answer gets the reasons that there may be', () => {
  for (const pattern of [/Is it on/, /same network/, /address has changed/, /revoked, used up or has expired/]) {
    assert.match(say.noAnswer(CODE, 'Chrome/126'), pattern);
  }
});

test('only a browser that looks up no names is told the name', () => {
  const firefox = (system: string): string => `Mozilla/5.0 (${system}; rv:128.0) Gecko/20100101 Firefox/128.0`;
  for (const system of ['X11; Linux x86_64', 'X11; Ubuntu; Linux aarch64', 'Wayland; Linux x86_64']) {
    assert.match(say.noAnswer(CODE, firefox(system)), /open http:\/\/periscope-10111213\.local:8080 /);
  }
  for (const agent of [firefox('Windows NT 10.0; Win64; x64'), firefox('Macintosh; Intel Mac OS X 10.15'), firefox('Android 14; Mobile'), 'Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36']) {
    assert.doesNotMatch(say.noAnswer(CODE, agent), /local/);
  }
});

test('an address that lost the end of its code is told from one with a wrong key', () => {
  const refusal = (key: string): string => say.notReached({ kind: 'whep', address: { base: 'http://h', key } }, new WhepError('wrong-key'));
  assert.match(refusal('notthekey'), /does not accept the key/);
  assert.match(refusal(CODE.text.slice(0, -2)), /Part of this code is missing/);
});

test('a bench of another version is mentioned', () => {
  const welcome = { type: 'welcome' as const, version: 1, name: 'bench', peer: 3, rights: 'view' as const, streams: [], channels: [] };
  assert.equal(say.connected(null), 'Connected to the bench.');
  assert.equal(say.connected(welcome), 'Connected to bench, as peer 3.');
  assert.match(say.connected({ ...welcome, version: 2 }), /^Connected to bench, as peer 3\. It speaks version 2 .* version 1/);
  assert.equal(say.connected({ ...welcome, version: null }), 'Connected to bench, as peer 3.');
});

test('streams that do not come are listed', () => {
  assert.match(say.notSent(['a']), /send a to/);
  assert.match(say.notSent(['a', 'b']), /send a and b to/);
  assert.match(say.notSent(['a', 'b', 'c']), /send a, b and c to/);
});
