import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, locationOf, openSession, WhepError } from '../src/whep';

test('each refusal has its own meaning', () => {
  assert.equal(failureOf(401), 'wrong-key');
  assert.equal(failureOf(403), 'wrong-key');
  assert.equal(failureOf(503), 'full');
  assert.equal(failureOf(404), 'not-a-bench');
  assert.equal(failureOf(400), 'refused');
  assert.equal(failureOf(500), 'refused');
});

test('the session is looked for at the bench and nowhere else', () => {
  const asked = 'http://192.168.1.20:8080/whep';
  assert.equal(locationOf('/whep/7', asked), 'http://192.168.1.20:8080/whep/7');
  assert.equal(locationOf('http://192.168.1.20:8080/whep/7', asked), 'http://192.168.1.20:8080/whep/7');
  assert.equal(locationOf('http://elsewhere/whep/7', asked), null);
  assert.equal(locationOf('http://', asked), null);
  assert.equal(locationOf(null, asked), null);
});

test('a key that no header can carry is not sent', async () => {
  for (const key of ['', 'schlüssel', 'a b', 'a\r\nb']) {
    await assert.rejects(openSession({ base: 'http://192.0.2.1', key }, '', 1_000), (error) => error instanceof WhepError && error.failure === 'wrong-key');
  }
});
