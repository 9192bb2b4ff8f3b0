import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, type Arbitration, type InstrumentState } from '../src/control';
import { Desk } from '../src/desk';
import { Heartbeat } from '../src/heartbeat';
import * as arbiter from '../src/instruments/arbiter';
import { readFilter } from '../src/instruments/filter';
import { fromJson, toJson, trouble } from '../src/instruments/macros';

const control = (fields: Partial<Arbitration> = {}): Arbitration => ({ type: 'control', holder: null, you: 'none', waiting: [], timeout: 10_000, ...fields });

test('messages about instruments and control are read', () => {
  assert.deepEqual(parse('{"type":"instrument","label":"kx3","state":"waiting","text":"unplugged","profile":{"name":"kx3"},"sends":true,"transmitting":false,"keys":true}'), {
    type: 'instrument',
    label: 'kx3',
    state: 'waiting',
    text: 'unplugged',
    profile: { name: 'kx3' },
    sends: true,
    transmitting: false,
    keys: true,
  });
  assert.deepEqual(parse('{"type":"control","holder":3,"you":"waiting","waiting":[5,"x"],"timeout":-1}'), control({ holder: 3, you: 'waiting', waiting: [5], timeout: -1 }));
  assert.deepEqual(parse('{"type":"safe","label":null,"reason":"r"}'), { type: 'safe', label: null, reason: 'r' });
  assert.deepEqual(parse('{"type":"refused","label":"a","reason":"r","text":"TX;","more":12}'), { type: 'refused', label: 'a', reason: 'r', text: 'TX;', more: 12 });
  assert.equal(parse('{"type":"instrument"}'), null);
  assert.deepEqual(parse('{"type":"control"}'), control({ timeout: -1 }));
});

test('a profile stays until the bench sends another one or none', () => {
  const desk = new Desk();
  const state: InstrumentState = { type: 'instrument', label: 'a', state: 'open', text: '', profile: { name: 'x' }, sends: true, transmitting: false, keys: false };
  desk.take(state);
  desk.take({ ...state, profile: undefined, state: 'waiting' });
  assert.deepEqual(desk.states.get('a'), { ...state, state: 'waiting' });
  desk.take({ ...state, profile: null });
  assert.equal(desk.states.get('a')?.profile, null);
});

class FakeHeart {
  readyState = 'connecting';
  beats: number[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  send(buffer: ArrayBuffer): void {
    this.beats.push(new DataView(buffer).getUint32(0));
  }
}

test('the heart beats while this page has control or talks and the channel is open, and at no other time', () => {
  let beat: (() => void) | null = null;
  const desk = new Desk(
    new Heartbeat((every, act) => {
      assert.ok(every >= 100 && every <= 250);
      beat = act;
      return () => (beat = null);
    }),
  );
  const heart = new FakeHeart();
  desk.beatOn(heart as unknown as RTCDataChannel);
  desk.take(control({ you: 'holder', holder: 3 }));
  assert.equal(beat, null);
  heart.readyState = 'open';
  heart.onopen?.();
  beat!();
  assert.deepEqual(heart.beats, [1, 2]);
  desk.take(control({ holder: 5 }));
  assert.equal(beat, null);
  desk.take(control({ you: 'holder', holder: 3 }));
  assert.deepEqual(heart.beats, [1, 2, 3]);
  desk.beatWhileTalking(true);
  desk.take(control({ holder: 5 }));
  assert.notEqual(beat, null, 'it still talks');
  desk.beatWhileTalking(false);
  assert.equal(beat, null);
  desk.beatWhileTalking(true);
  assert.deepEqual(heart.beats, [1, 2, 3, 4]);
  desk.close();
  assert.equal(beat, null);
});

// ---- In words ------------------------------------------------------------------------------------------------

const situation = (fields: Partial<Arbitration> | null, rights: 'view' | 'control' = 'control'): arbiter.Situation => ({ arbitration: fields === null ? null : control(fields), rights, peer: 7 });

test('who may send is told, and why not', () => {
  assert.equal(arbiter.obstacle(situation(null)), null);
  assert.equal(arbiter.obstacle(situation({})), null);
  assert.equal(arbiter.obstacle(situation({ holder: 7, you: 'holder' })), null);
  assert.match(arbiter.obstacle(situation({ holder: 3 }))!, /Viewer 3 has control/);
  assert.match(arbiter.obstacle(situation({ holder: 3, you: 'waiting', waiting: [7] }))!, /asked for it/);
  assert.match(arbiter.obstacle(situation({}, 'view'))!, /You may watch/);
});

test('the box offers what a person can do', () => {
  const view = (...about: Parameters<typeof situation>): unknown => {
    const { state, canTake, canRelease, asking } = arbiter.view(situation(...about), 3_000);
    return [state, canTake, canRelease, asking];
  };
  assert.deepEqual(view({}), ['none', true, false, []]);
  assert.deepEqual(view({}, 'view'), ['none', false, false, []]);
  assert.deepEqual(view({ holder: 3 }), ['other', true, false, []]);
  assert.deepEqual(view({ holder: 3 }, 'view'), ['other', false, false, []]);
  assert.deepEqual(view({ holder: 3, you: 'waiting', waiting: [7] }), ['waiting', false, true, []]);
  assert.deepEqual(view({ holder: 7, you: 'holder', waiting: [5, 9] }), ['holder', false, true, [5, 9]]);
});

test('the time that is left to answer is counted', () => {
  const sentence = (about: Partial<Arbitration>): string => {
    const { sentence, countdown } = arbiter.view(situation(about), 3_000);
    return `${sentence} ${countdown}`;
  };
  assert.match(sentence({ holder: 7, you: 'holder', waiting: [5] }), /Viewer 5 asks for it\. .* in 7 s/);
  assert.match(sentence({ holder: 3, you: 'waiting', waiting: [7] }), /asked viewer 3 .* in 7 s/);
  assert.doesNotMatch(sentence({ holder: 3, you: 'waiting', waiting: [7], timeout: -1 }), /\d s/);
});

test('a request that the holder refuses is told', () => {
  const waiting = control({ holder: 3, you: 'waiting', waiting: [7] });
  assert.equal(arbiter.wasKept(waiting, control({ holder: 3 })), true);
  assert.equal(arbiter.wasKept(waiting, control({ holder: 7, you: 'holder' })), false);
  assert.equal(arbiter.wasKept(null, control()), false);
});

test('refusals and safety are one sentence with the reason', () => {
  const refused = { type: 'refused' as const, label: 'kx3', reason: 'viewer 3 has control', text: 'TX;', more: 0 };
  assert.equal(arbiter.refusal(refused), 'kx3 did not get “TX;”: viewer 3 has control.');
  assert.match(arbiter.refusal({ ...refused, more: 12 }), /So were 12 other commands\./);
  assert.match(arbiter.refusal({ ...refused, text: 'x'.repeat(100), reason: '' }), /“x{40}…”: the bench refused it\./);
  assert.match(arbiter.safety({ type: 'safe', label: null, reason: 'no heartbeat for 750 ms' }), /All instruments .*: no heartbeat for 750 ms\./);
});

// ---- Filters and macros --------------------------------------------------------------------------------------

test('a filter is text or a regular expression', () => {
  const passes = (typed: string, text: string): boolean => {
    const filter = readFilter(typed);
    return filter.kind === 'all' || (filter.kind === 'some' && filter.test(text));
  };
  assert.ok(passes('', 'anything'));
  assert.ok(passes('volt', 'VOLT 3.3') && !passes('volt', 'AMP'));
  assert.ok(passes('/^FA\\d/', 'FA1') && !passes('/^FA\\d/', 'fa1') && passes('/^fa/i', 'FA1'));
  assert.ok(passes('a/b', 'xa/bx'));
  const broken = readFilter('/(/');
  assert.ok(broken.kind === 'broken' && /no regular expression.*All messages/.test(broken.why));
});

test('macros survive being exported and read again', () => {
  const macros = [
    { title: 'Identify', command: '*IDN?\\n', repeat: 0, label: '' },
    { title: 'Ask', command: '\\x02µ', repeat: 500, label: 'psu' },
  ];
  assert.deepEqual(fromJson(toJson(macros)), macros);
});

test('what is no macro is left out or refused with a reason', () => {
  assert.equal(fromJson('no JSON'), null);
  assert.equal(fromJson('{"a":1}'), null);
  assert.deepEqual(fromJson('[{"title":"a"},7,{"title":"b","command":"c"},{"title":"d","command":"\\\\q"}]'), [{ title: 'b', command: 'c', repeat: 0, label: '' }]);
  const macro = { title: 'a', command: 'b', repeat: 0, label: '' };
  assert.equal(trouble(macro), null);
  assert.match(trouble({ ...macro, title: ' ' })!, /title/);
  assert.match(trouble({ ...macro, command: '' })!, /command/);
  assert.match(trouble({ ...macro, command: '\\q' })!, /backslash/);
  assert.match(trouble({ ...macro, repeat: 10 })!, /50 ms/);
  assert.match(trouble({ ...macro, repeat: NaN })!, /number/);
});
