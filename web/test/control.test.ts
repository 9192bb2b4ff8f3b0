import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecNames, parse } from '../src/control';

test('the messages of the protocol are read', () => {
  assert.deepEqual(parse('{"type":"offer","id":1,"sdp":"v=0"}'), { type: 'offer', id: 1, sdp: 'v=0' });
  assert.deepEqual(parse('{"type":"pong","t":123.4}'), { type: 'pong', t: 123.4, time: null });
  assert.deepEqual(parse('{"type":"pong","t":1,"now":5,"video":{"video1":7,"video2":"x"}}'), {
    type: 'pong', t: 1, time: { now: 5, video: new Map([['video1', 7]]) },
  });
  assert.deepEqual(parse('{"type":"pong","t":1,"now":5,"video":null}'), { type: 'pong', t: 1, time: null });
  assert.deepEqual(parse('{"type":"error","text":"no"}'), { type: 'error', text: 'no' });
  assert.deepEqual(parse('{"type":"bye"}'), { type: 'bye', text: '' });
  const welcome = '{"type":"welcome","version":1,"name":"periscope 0.1.0","peer":3,"streams":[{"mid":"video1.k3Zx","kind":"video","name":"video_0"},{"kind":"audio","name":"audio_0"}],"channels":["data_0"]}';
  assert.deepEqual(parse(welcome), {
    type: 'welcome',
    version: 1,
    name: 'periscope 0.1.0',
    peer: 3,
    rights: 'control',
    streams: [
      { mid: 'video1.k3Zx', kind: 'video', name: 'video_0' },
      { mid: null, kind: 'audio', name: 'audio_0' },
    ],
    channels: ['data_0'],
  });
});

test('what is unknown or malformed is ignored, in whole or in part', () => {
  for (const text of ['', 'null', '[]', '7', '{"type":"dance"}', '{"type":"offer","id":"1","sdp":"v=0"}', '{"type":"pong"}', '{']) {
    assert.equal(parse(text), null);
  }
  const odd = parse('{"type":"welcome","streams":[null,{"kind":"smell","name":"x"},{"kind":"video"}],"channels":[1,"a"],"new":true}');
  assert.deepEqual(odd, { type: 'welcome', version: null, name: '', peer: null, rights: 'control', streams: [{ mid: null, kind: 'video', name: 'video' }], channels: ['a'] });
});

test('only a bench that says so takes no commands', () => {
  const rights = (text: string): unknown => (parse(`{"type":"welcome"${text}}`) as { rights?: unknown }).rights;
  assert.equal(rights(',"rights":"view"'), 'view');
  assert.equal(rights(',"rights":"control"'), 'control');
  assert.equal(rights(',"rights":7'), 'control');
});

test('what the bench says of talking is read', () => {
  const talk = { type: 'talk', mid: 'audio2.k3Zx', floor: 'one', you: 'refused', reason: 'viewer 3 is talking', talking: [3] };
  assert.deepEqual(parse(JSON.stringify(talk)), talk);
  assert.deepEqual(parse('{"type":"talk","mid":3,"floor":"some","you":"singing","talking":["3",4]}'), { type: 'talk', mid: null, floor: 'all', you: 'none', reason: '', talking: [4] });
});

test('codecs are named once each, without the helpers', () => {
  assert.deepEqual(codecNames(['video/VP8', 'video/rtx', 'video/H264', 'video/H264', 'video/red', 'video/ulpfec', 'audio/opus', 'audio/CN', 'audio/telephone-event']), [
    'video/VP8',
    'video/H264',
    'audio/opus',
  ]);
});
