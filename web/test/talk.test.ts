import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Talk } from '../src/control';
import { forSpeech, listeningMids } from '../src/sdp';
import { secureLink } from '../src/talk/elsewhere';
import { loudness, part } from '../src/talk/levels';
import { Microphone, type MicrophoneEvents, type Wanted } from '../src/talk/microphone';
import { Talker, type MicrophoneState } from '../src/talk/talker';
import { sentence, troubleOf, type Trouble } from '../src/talk/trouble';
import { view, type Situation } from '../src/talk/words';
import { settled, withTimers } from './fakes';

const talk = (fields: Partial<Talk> = {}): Talk => ({ type: 'talk', mid: 'a', floor: 'all', you: 'none', reason: '', talking: [], ...fields });

// ---- The offer -----------------------------------------------------------------------------------------------

const OFFER = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 97',
  'a=mid:heard',
  'a=sendonly',
  'a=rtpmap:97 OPUS/48000/2',
  'a=fmtp:97 sprop-stereo=1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=mid:talk',
  'a=recvonly',
  'a=rtpmap:111 OPUS/48000/2',
  'a=fmtp:111 minptime=10;stereo=1;sprop-stereo=0',
  'a=ptime:20',
  '',
].join('\r\n');

test('a browser that is to talk is asked for short packets of speech, and for nothing else than before on other lines', () => {
  assert.deepEqual(listeningMids(OFFER), ['talk']);
  const [, heard, line] = forSpeech(OFFER).split('m=audio');
  assert.ok(OFFER.includes(heard ?? '-'));
  assert.deepEqual(line?.split('\r\n').slice(1, -1), [
    'a=mid:talk',
    'a=recvonly',
    'a=rtpmap:111 OPUS/48000/2',
    'a=fmtp:111 minptime=10;sprop-stereo=0;useinbandfec=1;maxaveragebitrate=40000',
    'a=ptime:10',
  ]);
});

test('an offer of a bench that does not listen, or has given up the line, stays as it is', () => {
  const gone = OFFER.replace('m=audio 9 UDP/TLS/RTP/SAVPF 111', 'm=audio 0 UDP/TLS/RTP/SAVPF 111');
  for (const offer of [gone, 'v=0\n', '']) {
    assert.deepEqual(listeningMids(offer), []);
    assert.equal(forSpeech(offer), offer);
  }
  const bundled = gone.replace('a=mid:talk', 'a=bundle-only\r\na=mid:talk');
  assert.deepEqual(listeningMids(bundled), ['talk'], 'its port is that of another line');
});

// ---- When the page talks -------------------------------------------------------------------------------------

/** A talker with a microphone that opens at once, at a bench that listens. */
function ready(microphone: MicrophoneState['kind'] = 'open'): { talker: Talker; log: string[] } {
  const log: string[] = [];
  const talker: Talker = new Talker({
    tell: (on, transmit) => log.push(on ? `tell on ${transmit.join()}`.trim() : 'tell off'),
    send: (isSending) => log.push(isSending ? 'send' : 'stop'),
    openMicrophone() {
      log.push('open');
      talker.setMicrophone(microphone === 'failed' ? { kind: 'failed', why: 'refused' } : ({ kind: microphone } as MicrophoneState));
    },
    closeMicrophone() {
      log.push('close');
      talker.setMicrophone({ kind: 'closed' });
    },
    onChange: () => undefined,
  });
  talker.setBench(talk(), true);
  return { talker, log };
}

/** Ends what would keep the test running. */
const quit = (talker: Talker): void => talker.setMicrophone({ kind: 'closed' });

test('the microphone opens at the first press, the bench is told before sound flows, and sound ends before the bench is told', () => {
  const { talker, log } = ready();
  assert.equal(talker.press(), true);
  assert.deepEqual(log, ['open', 'tell on', 'send']);
  assert.equal(talker.isHeard, false);
  talker.setBench(talk({ you: 'talking' }), true);
  assert.equal(talker.isHeard, true);
  talker.release();
  assert.deepEqual(log.slice(3), ['stop', 'tell off']);
  talker.press();
  assert.deepEqual(log.slice(5), ['tell on', 'send'], 'the second press finds it open');
  talker.release();
  quit(talker);
});

test('where the bench does not listen, a press comes to nothing', () => {
  for (const [bench, hasLine] of [[null, true], [talk(), false], [talk({ floor: 'none' }), true]] as const) {
    const { talker, log } = ready();
    talker.setBench(bench, hasLine);
    assert.equal(talker.press(), false);
    talker.setHandsFree(true);
    assert.equal(talker.isHandsFree, false);
    assert.deepEqual(log, []);
  }
});

test('who lets go while the browser still asks does not talk when it is done', () => {
  const { talker, log } = ready('asking');
  talker.press();
  talker.release();
  talker.setMicrophone({ kind: 'open' });
  assert.deepEqual(log, ['open']);
  quit(talker);
});

test('hands-free talks until it is switched off, and holding meanwhile changes nothing', () => {
  const { talker, log } = ready();
  talker.setHandsFree(true);
  talker.press();
  talker.release();
  assert.deepEqual(log, ['open', 'tell on', 'send']);
  talker.setHandsFree(false);
  assert.deepEqual(log.slice(3), ['stop', 'tell off']);
  quit(talker);
});

test('who is muted is not heard and takes no floor', () => {
  const { talker, log } = ready();
  talker.setHandsFree(true);
  talker.setMuted(true);
  assert.deepEqual(log.slice(3), ['stop', 'tell off']);
  talker.setMuted(false);
  assert.deepEqual(log.slice(5), ['tell on', 'send']);
  talker.setHandsFree(false);
  quit(talker);
});

test('a refusal stops the sound, ends hands-free, and takes a new press', () => {
  const { talker, log } = ready();
  talker.setHandsFree(true);
  talker.press();
  talker.setBench(talk({ you: 'refused', reason: 'viewer 3 is talking', talking: [3] }), true);
  assert.deepEqual(log.slice(3), ['stop', 'tell off']);
  assert.deepEqual([talker.refusal, talker.isHandsFree], ['viewer 3 is talking', false]);
  talker.setBench(talk(), true);
  assert.equal(log.length, 5, 'the finger is still on the button');
  talker.release();
  talker.press();
  assert.equal(talker.refusal, null);
  assert.deepEqual(log.slice(5), ['tell on', 'send']);
  talker.release();
  quit(talker);
});

test('a floor that is taken away without a word ends the talk, but an old message before the answer does not', () => {
  const { talker } = ready();
  talker.press();
  talker.setBench(talk({ talking: [5] }), true);
  assert.equal(talker.isSending, true);
  talker.setBench(talk({ you: 'talking' }), true);
  talker.setBench(talk(), true);
  assert.equal(talker.isSending, false);
  assert.notEqual(talker.refusal, null);
  talker.release();
  talker.press();
  talker.release();
  quit(talker);
});

test('why one was not heard is shown for a while, and as long as the button is held', () =>
  withTimers(async (pass) => {
    const { talker } = ready();
    talker.press();
    talker.setBench(talk({ you: 'refused', reason: 'r' }), true);
    await pass(20_000);
    assert.equal(talker.refusal, 'r');
    talker.release();
    talker.press();
    talker.setBench(talk({ you: 'refused', reason: 'r' }), true);
    talker.release();
    await pass(20_000);
    assert.equal(talker.refusal, null);
    quit(talker);
  }));

test('a lost connection ends what is held; hands-free goes on, but keys no transmitter again', () => {
  for (const transmit of [[], ['kx3']]) {
    const { talker, log } = ready();
    talker.setTransmit(transmit);
    talker.setHandsFree(true);
    talker.setBench(null, false);
    talker.setBench(talk(), true);
    const again = transmit.length === 0 ? ['tell on', 'send'] : [];
    assert.deepEqual(log, ['open', `tell on ${transmit.join()}`.trim(), 'send', 'stop', 'tell off', ...again]);
    talker.setHandsFree(false);
    talker.press();
    talker.setBench(null, false);
    talker.setBench(talk(), true);
    assert.equal(talker.isSending, false);
    quit(talker);
  }
});

test('a transmitter that is taken off the list is let go of at once', () => {
  const { talker, log } = ready();
  talker.setTransmit(['kx3', 'amp']);
  talker.press();
  talker.setBench(talk({ you: 'talking' }), true);
  assert.deepEqual(talker.keyed, ['kx3', 'amp']);
  talker.setTransmit(['amp']);
  assert.equal(log.at(-1), 'tell on amp');
  talker.release();
  assert.deepEqual(talker.keyed, []);
  quit(talker);
});

test('a microphone that fails ends the wish to talk, one that was unplugged ends only what is held', () => {
  const { talker, log } = ready('failed');
  talker.setHandsFree(true);
  assert.deepEqual([talker.isHandsFree, talker.microphone.kind], [false, 'failed']);
  talker.press();
  assert.deepEqual(log, ['open', 'open'], 'a press tries once more');

  const other = ready();
  other.talker.setHandsFree(true);
  other.talker.setMicrophone({ kind: 'failed', why: 'gone' });
  assert.deepEqual(other.log.slice(3), ['stop', 'tell off']);
  other.talker.setMicrophone({ kind: 'closed' });
  assert.deepEqual(other.log.slice(5), ['open', 'tell on', 'send'], 'it is back');
  other.talker.setHandsFree(false);
  quit(other.talker);
});

test('the microphone closes a minute after the last word, and not while hands-free is on', () =>
  withTimers(async (pass) => {
    const { talker, log } = ready();
    talker.press();
    await pass(120_000);
    talker.release();
    await pass(59_000);
    talker.press();
    talker.release();
    await pass(59_000);
    assert.ok(!log.includes('close'));
    talker.setBench(talk({ talking: [3] }), true);
    await pass(2_000);
    assert.equal(log.at(-1), 'close');
    talker.setHandsFree(true);
    talker.setMuted(true);
    await pass(3_600_000);
    assert.equal(log.filter((line) => line === 'close').length, 1);
    quit(talker);
  }));

// ---- In words ------------------------------------------------------------------------------------------------

const SITUATION: Situation = {
  access: 'granted',
  bench: talk(),
  canTalk: true,
  peer: 7,
  microphone: { kind: 'open' },
  wants: false,
  isHeard: false,
  isHeld: false,
  isHandsFree: false,
  isMuted: false,
  isSilenced: false,
  refusal: null,
  keyed: [],
};
const shown = (fields: Partial<Situation>): string => {
  const { state, note, isProblem } = view({ ...SITUATION, ...fields });
  return `${state}: ${note}${isProblem ? ' !' : ''}`;
};

test('the button says how things are, and the sentence why', () => {
  assert.match(shown({ microphone: { kind: 'closed' } }), /^off: Hold the button or the space bar/);
  assert.match(shown({}), /^ready: Hold/);
  assert.match(shown({ wants: true, microphone: { kind: 'asking' } }), /^asking: .*allow it/);
  assert.match(shown({ wants: true }), /^asking: Asking the bench/);
  assert.equal(shown({ wants: true, isHeard: true }), 'talking: You are heard at the bench.');
  assert.equal(shown({ wants: true, isHeard: true, keyed: ['kx3'] }), 'talking: You are heard at the bench. Keyed: kx3.');
  assert.match(shown({ wants: true, isHeard: true, isSilenced: true }), /^talking: .*switched the microphone off\. !$/);
  assert.equal(shown({ refusal: 'viewer 3 is talking' }), 'refused: You are not heard: viewer 3 is talking. !');
  assert.match(shown({ microphone: { kind: 'failed', why: 'none' } }), /^off: There is no microphone.* !$/);
  assert.match(shown({ isMuted: true }), /^ready: You are muted\.$/);
  assert.match(shown({ isMuted: true, isHandsFree: true }), /^ready: .*nobody hears you\. !$/);
});

test('others who talk are named, this page is not', () => {
  assert.equal(shown({ bench: talk({ talking: [3, 7] }) }), 'ready: Viewer 3 is talking.');
  assert.equal(shown({ bench: talk({ talking: [3, 5, 9], floor: 'one' }) }), 'ready: Viewers 3, 5 and 9 are talking, and only one may at a time.');
  assert.equal(shown({ bench: talk({ talking: [7, 3] }), wants: true, isHeard: true }), 'talking: You are heard at the bench. Viewer 3 is talking.');
});

test('what stands against talking is one sentence', () => {
  assert.match(shown({ bench: null, canTalk: false }), /^unavailable: There is no connection/);
  assert.equal(shown({ bench: talk({ mid: null, reason: 'this code is for watching' }), canTalk: false }), 'unavailable: You cannot talk here: this code is for watching.');
  assert.match(shown({ bench: talk({ mid: null }), canTalk: false }), /^unavailable: The bench makes ready/);
  assert.match(shown({ bench: talk({ floor: 'none' }), canTalk: false }), /^unavailable: The bench listens to nobody/);
  assert.match(shown({ access: 'insecure' }), /^unavailable: .*https.*save it/);
  assert.match(shown({ access: 'missing' }), /^unavailable: This browser/);
  const quiet = [{ access: 'insecure' as const }, { bench: talk({ mid: null, reason: 'r' }), canTalk: false }, { bench: talk({ mid: null }), canTalk: false }, { bench: null, canTalk: false }];
  assert.deepEqual(quiet.map((fields) => view({ ...SITUATION, ...fields }).isQuiet), [true, true, false, false]);
});

test('each trouble with a microphone has words that say what to do', () => {
  const named = (name: string): Trouble => troubleOf(Object.assign(new Error(), { name }));
  assert.deepEqual(
    ['NotAllowedError', 'NotFoundError', 'OverconstrainedError', 'NotReadableError', 'AbortError', 'TypeError'].map(named),
    ['refused', 'none', 'none', 'in-use', 'in-use', 'broken'],
  );
  assert.equal(troubleOf('odd'), 'broken');
  const sentences = (['refused', 'none', 'in-use', 'gone', 'broken'] as const).map(sentence);
  assert.equal(new Set(sentences).size, sentences.length);
});

test('the way to https is the same bench, the same port and the same key', () => {
  const served = { protocol: 'http:', host: '192.168.1.20:8080' };
  assert.equal(secureLink('http://192.168.1.20:8080/#key', served), 'https://192.168.1.20:8080/#key');
  assert.equal(secureLink(null, served), 'https://192.168.1.20:8080/');
  assert.equal(secureLink('IQABAg', served), 'https://192.168.1.20:8080/');
  assert.equal(secureLink('http://192.168.1.20:8080/#key', { protocol: 'file:', host: '' }), null);
});

// ---- Levels --------------------------------------------------------------------------------------------------

test('loudness is that of the samples, and a meter shows it from -60 dBFS to full scale', () => {
  const sine = Float32Array.from({ length: 4800 }, (_, n) => 0.5 * Math.sin((2 * Math.PI * 440 * n) / 48_000));
  const { mean, peak } = loudness(sine);
  assert.ok(Math.abs(mean + 9.03) < 0.05 && Math.abs(peak + 6.02) < 0.05, `${mean} ${peak}`);
  assert.equal(loudness(new Float32Array(8)).mean, -Infinity);
  assert.deepEqual([-Infinity, -60, -30, 0, 3].map(part), [0, 0, 0.5, 1, 1]);
});

// ---- The microphone ------------------------------------------------------------------------------------------

class FakeTrack {
  readyState = 'live';
  muted = false;
  onended: (() => void) | null = null;
  onmute = null;
  onunmute = null;
  constructor(readonly label: string) {}
  stop(): void {
    this.readyState = 'ended';
  }
}

/** Microphones that are plugged in and unplugged. Ids are what browsers make of them: `id-` and the name. */
class FakeMedia extends EventTarget {
  plugged: string[] = [];
  tracks: FakeTrack[] = [];
  asked: Record<string, unknown>[] = [];
  refuses = '';
  async enumerateDevices(): Promise<MediaDeviceInfo[]> {
    return this.plugged.map((name) => ({ kind: 'audioinput', deviceId: `id-${name}`, label: name }) as MediaDeviceInfo);
  }
  async getUserMedia({ audio }: { audio: Record<string, unknown> & { deviceId?: { exact: string } } }): Promise<MediaStream> {
    this.asked.push(audio);
    const name = audio.deviceId === undefined ? this.plugged[0] : this.plugged.find((one) => `id-${one}` === audio.deviceId?.exact);
    const error = this.refuses !== '' ? this.refuses : name === undefined ? 'NotFoundError' : '';
    if (error !== '') throw Object.assign(new Error(error), { name: error });
    const track = new FakeTrack(name!);
    this.tracks.push(track);
    return { getAudioTracks: () => [track] } as unknown as MediaStream;
  }
  async plug(...names: string[]): Promise<void> {
    this.plugged = names;
    for (const track of this.tracks.filter(({ label, readyState }) => readyState === 'live' && !names.includes(label))) {
      track.readyState = 'ended';
      track.onended?.();
    }
    this.dispatchEvent(new Event('devicechange'));
    for (let i = 0; i < 4; i++) await settled();
  }
}

const PROCESSING = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

async function plugged(names: string[], wanted: Wanted = { id: '', label: '' }): Promise<{ media: FakeMedia; microphone: Microphone; log: string[] }> {
  const media = new FakeMedia();
  media.plugged = names;
  const log: string[] = [];
  const events: MicrophoneEvents = {
    onState: (state) => log.push(state.kind === 'failed' ? state.why : state.kind),
    onTrack: (track) => log.push(`track ${track?.label ?? 'none'}`),
    onChange: () => undefined,
  };
  const { warn } = console;
  console.warn = () => undefined;
  const microphone = new Microphone(media as unknown as MediaDevices, wanted, PROCESSING, events);
  await microphone.look();
  await microphone.open();
  console.warn = warn;
  return { media, microphone, log };
}

test('another microphone, or other processing, is there before the one before is let go of', async () => {
  const { media, microphone, log } = await plugged(['desk', 'headset']);
  await microphone.choose({ id: 'id-headset', label: 'headset' });
  await microphone.process({ ...PROCESSING, echoCancellation: false });
  assert.deepEqual(log, ['asking', 'track desk', 'open', 'track headset', 'open', 'track headset', 'open']);
  assert.deepEqual(media.tracks.map(({ readyState }) => readyState), ['ended', 'ended', 'live']);
  assert.deepEqual(media.asked.at(-1), { ...PROCESSING, echoCancellation: false, deviceId: { exact: 'id-headset' } });
  microphone.close();
  assert.deepEqual(log.slice(-2), ['track none', 'closed']);
  assert.equal(microphone.track, null);
});

test('when the chosen microphone is unplugged another one stands in, until it is back', async () => {
  const { media, log } = await plugged(['desk', 'headset'], { id: 'id-headset', label: 'headset' });
  await media.plug('desk');
  await media.plug('desk', 'headset');
  assert.deepEqual(log.filter((line) => line.startsWith('track')), ['track headset', 'track desk', 'track headset']);
  assert.ok(!log.includes('gone'));
});

test('the last microphone that is unplugged is told, and so is one that is plugged in', async () => {
  const { media, log } = await plugged(['desk']);
  const { warn } = console;
  console.warn = () => undefined;
  await media.plug();
  console.warn = warn;
  assert.deepEqual(log.slice(3), ['track none', 'gone']);
  await media.plug('headset');
  assert.equal(log.at(-1), 'closed');
});

test('a microphone that got another id is found by its name', async () => {
  const { media, microphone } = await plugged(['desk', 'headset'], { id: 'id-of-yesterday', label: 'headset' });
  assert.equal(microphone.track?.label, 'headset');
  assert.equal(media.tracks.filter(({ readyState }) => readyState === 'live').length, 1);
});

test('what the browser refuses is told, and what comes too late is stopped', async () => {
  const { media, microphone, log } = await plugged(['desk']);
  microphone.close();
  media.refuses = 'NotAllowedError';
  const { warn } = console;
  console.warn = () => undefined;
  await microphone.open();
  assert.deepEqual(log.slice(-2), ['asking', 'refused']);
  media.refuses = '';
  const opening = microphone.open();
  microphone.close();
  await opening;
  console.warn = warn;
  assert.equal(microphone.track, null);
  assert.ok(media.tracks.every(({ readyState }) => readyState === 'ended'));
});

test('an open microphone goes on where another one cannot be had', async () => {
  const { media, microphone, log } = await plugged(['desk', 'headset']);
  media.refuses = 'NotReadableError';
  const { warn } = console;
  console.warn = () => undefined;
  await microphone.choose({ id: 'id-headset', label: 'headset' });
  console.warn = warn;
  assert.deepEqual(log, ['asking', 'track desk', 'open']);
  assert.equal(microphone.track?.readyState, 'live');
});
