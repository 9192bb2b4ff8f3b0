import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepChecking, renamed } from '../src/patience';

const HOST = 'candidate:1 1 UDP 2015363327 192.168.1.20 8080 typ host';

test('a candidate under another name leads to the same place', () => {
  assert.equal(renamed(HOST, 0), 'candidate:10 1 UDP 2015363327 192.168.1.20 8080 typ host');
  assert.equal(renamed(HOST, 7), 'candidate:17 1 UDP 2015363320 192.168.1.20 8080 typ host');
  assert.match(renamed('candidate:1 1 UDP 3 h 1 typ host', 9), / UDP 1 h/);
  assert.match(renamed(`candidate:${'f'.repeat(32)} 1 UDP 9 h 1 typ host`, 300), /^candidate:[a-z0-9]{1,32} 1 UDP /);
});

/** As much of an RTCPeerConnection as `keepChecking` touches. */
class Fake extends EventTarget {
  connectionState = 'new';
  signalingState = 'stable';
  iceConnectionState = 'checking';
  added: RTCIceCandidateInit[] = [];
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    this.added.push(candidate);
    return Promise.reject(new Error('this browser does not like it'));
  }
  become(iceConnectionState: string): void {
    this.iceConnectionState = iceConnectionState;
    this.dispatchEvent(new Event('iceconnectionstatechange'));
  }
}

test('candidates are fed at once, when the browser gives up, and no more once connected or stopped', () => {
  const line = { sdpMid: '0', sdpMLineIndex: 0 };
  const fake = new Fake();
  const stop = keepChecking(fake as unknown as RTCPeerConnection, [{ candidate: HOST, ...line }]);
  assert.deepEqual(fake.added, [{ candidate: renamed(HOST, 0), ...line }]);
  fake.become('checking');
  assert.equal(fake.added.length, 1);
  fake.become('disconnected');
  fake.become('failed');
  assert.deepEqual(fake.added.map((c) => c.candidate), [0, 1, 2].map((round) => renamed(HOST, round)));
  fake.connectionState = 'connected';
  fake.become('disconnected');
  assert.equal(fake.added.length, 3);
  fake.connectionState = 'connecting';
  fake.become('disconnected');
  assert.equal(fake.added.length, 3);
  stop();
});
