import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { escaped, fromHex, payloadOf, unescaped } from '../src/instruments/commands';
import { readEntry } from '../src/instruments/entry';
import { readProfile, type Profile } from '../src/instruments/profile';
import { valueOf, written } from '../src/instruments/quantities';
import { chosen, Readings } from '../src/instruments/readings';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const RADIO = readProfile({
  profile: 1,
  name: 'radio',
  title: 'A radio',
  quantities: [
    { name: 'frequency', title: 'VFO', unit: 'MHz', scale: 1e-6, digits: 6, text: { pattern: '^FA(\\d{11});$' } },
    { name: 'mode', text: { pattern: '^MD(?<value>\\d);$' }, values: { 1: 'LSB' } },
    { name: 's-meter', min: 0, max: 21, curve: true, text: { pattern: '^SM(\\d{4});$' } },
    { name: 'id', text: { pattern: '^ID(.*);$', as: 'word' } },
    { name: 'latitude', text: { pattern: '^L(?<value>[\\d.]+),(?<hemisphere>[NS])', as: 'degrees' } },
    { name: 'register', scale: 0.1, offset: -40, bytes: { match: '01 03', at: 3, type: 'i16be' } },
    { name: 'broken', text: { pattern: '(' } },
  ],
  panel: [
    { widget: 'number', quantity: 'frequency' },
    { widget: 'gauge', quantity: 's-meter', title: 'S' },
    { widget: 'gauge', quantity: 'unknown' },
    { widget: 'lamp', quantity: 'mode', on: '1' },
    { widget: 'curve', quantities: ['s-meter', 'unknown'] },
    { widget: 'button', title: '40 m', send: 'BN03;' },
    { widget: 'button', title: 'nothing' },
    { widget: 'hold', title: 'PTT', press: 'TX;', release: 'RX;' },
    { widget: 'hold', title: 'half', press: 'TX;' },
    { widget: 'entry', title: 'Frequency', quantity: 'frequency', send: 'FA{value:011};', scale: 1_000_000, digits: 6, min: 0.5, max: 54 },
    { widget: 'select', title: 'Mode', quantity: 'mode', options: [{ title: 'LSB', send: 'MD1;' }, { title: 'none' }] },
    { widget: 'dance' },
  ],
}) as Profile;

function value(name: string, message: string | Uint8Array): unknown {
  const quantity = RADIO.quantities.find((one) => one.name === name)!;
  const read = typeof message === 'string' ? valueOf(quantity, utf8(message), message) : valueOf(quantity, message, null);
  return read === null ? null : (read.word ?? read.number);
}

test('a profile gives numbers and words by its patterns', () => {
  assert.equal(value('frequency', 'FA00014060000;'), 14.06);
  assert.equal(value('frequency', 'FB00014060000;'), null);
  assert.equal(value('mode', 'MD1;'), 'LSB');
  assert.equal(value('mode', 'MD9;'), '9');
  assert.equal(value('id', 'ID017;'), '017');
  assert.equal(value('latitude', 'L4807.038,S'), -(48 + 7.038 / 60));
});

test('a profile gives numbers by their place in the bytes', () => {
  assert.equal(value('register', Uint8Array.of(1, 3, 2, 0xff, 0x9c)), -50);
  assert.equal(value('register', Uint8Array.of(1, 4, 2, 0xff, 0x9c)), null);
  assert.equal(value('register', Uint8Array.of(1, 3, 2, 0xff)), null);
  assert.equal(value('register', Uint8Array.of()), null);
});

test('all types of numbers are read in both orders of bytes', () => {
  const bytes = Uint8Array.of(0xc0, 0x49, 0x0f, 0xdb, 0x49, 0xc0);
  const read = (type: string): unknown => {
    const quantity = readProfile({ quantities: [{ name: 'n', bytes: { at: 0, type } }] })!.quantities[0]!;
    return valueOf(quantity, bytes, null)?.number;
  };
  assert.deepEqual(['u8', 'i8', 'u16be', 'u16le', 'i16be', 'u32be', 'i32le'].map(read), [0xc0, -64, 0xc049, 0x49c0, -16311, 0xc0490fdb, -619755072]);
  assert.equal(Number(read('f32be')).toFixed(5), '-3.14159');
});

test('widgets that cannot work are left out', () => {
  assert.deepEqual(RADIO.quantities.map(({ name }) => name), ['frequency', 'mode', 's-meter', 'id', 'latitude', 'register']);
  assert.deepEqual(RADIO.panel.map(({ widget, title }) => `${widget} ${title}`), ['number VFO', 'gauge S', 'lamp mode', 'curve s-meter', 'button 40 m', 'hold PTT', 'entry Frequency', 'select Mode']);
  const gauge = RADIO.panel[1]!;
  assert.ok(gauge.widget === 'gauge' && gauge.min === 0 && gauge.max === 21);
  for (const odd of [null, 7, [], 'x']) assert.equal(readProfile(odd), null);
  assert.deepEqual(readProfile({ quantities: 'x', panel: [null, 7] })?.panel, []);
});

test('an entry takes numbers within its range, with comma or point', () => {
  const range = { min: 0.5, max: 54, digits: 3, unit: 'MHz' };
  assert.equal(readEntry(' 14,06 ', range), 14.06);
  assert.equal(readEntry('14.0604', range), 14.06);
  assert.match(String(readEntry('0.1', range)), /Not less than 0.500 MHz/);
  assert.match(String(readEntry('55', range)), /Not more than 54.000 MHz/);
  for (const typed of ['', 'x', '1e3', '1 2', '0x10', 'Infinity']) assert.match(String(readEntry(typed, range)), /Type a number/);
});

test('values are put into commands as the profile says', () => {
  assert.equal(payloadOf('FA{value:011};', 14.06 * 1e6), 'FA00014060000;');
  assert.equal(payloadOf('V{value:.2}', 12.345), 'V12.35');
  assert.equal(payloadOf('V{value}', 12.5), 'V12.5');
  assert.equal(payloadOf('V{value}', 1e-7), 'V0.0000001');
  assert.equal(payloadOf('V{value}', 1e22), 'V10000000000000000000000');
  assert.equal(payloadOf('{value:04}', -7), '-007');
  assert.equal(payloadOf('{other} {value', 1), '{other} {value');
  assert.equal(payloadOf('BN{value};'), 'BN{value};');
  assert.deepEqual(payloadOf({ hex: '01 03 00' }), Uint8Array.of(1, 3, 0));
});

test('escapes are read and written', () => {
  assert.equal(unescaped('*IDN?\\r\\n\\t\\\\'), '*IDN?\r\n\t\\');
  assert.equal(unescaped('\\x41µ'), 'Aµ');
  assert.deepEqual(unescaped('\\xfeA'), Uint8Array.of(0xfe, 0x41));
  assert.equal(unescaped('\\q'), null);
  assert.equal(unescaped('\\'), null);
  assert.equal(escaped('a\r\n\u0002\\'), 'a\\r\\n\\x02\\\\');
  assert.equal(fromHex('0'), null);
  assert.equal(fromHex('xx'), null);
});

test('values are written so that people can read them', () => {
  assert.equal(written(14.06, 6), '14.060000');
  assert.equal(written(0.1 + 0.2, null), '0.3');
  assert.equal(written(1e12, null), '1.0000e+12');
  assert.equal(written(NaN, null), '–');
});

// ---- Readings ------------------------------------------------------------------------------------------------

const said = (label: string, text: string, time = 1e6) => ({ label, time, sequence: 1, isText: true, isSent: false, bytes: utf8(text) });

test('numbers are found without a profile, and only by it where there is one', () => {
  const readings = new Readings();
  readings.take(said('kx3', 'T=1 U=2'));
  readings.take({ ...said('kx3', 'T=9'), isSent: true });
  assert.deepEqual([...readings.all.values()].map(({ name, value }) => [name, value?.number]), [['T', 1], ['U', 2]]);
  readings.setProfile('kx3', RADIO);
  readings.take(said('kx3', 'FA00007030000;'));
  readings.take(said('kx3', 'T=1'));
  readings.take(said('other', 'T=1'));
  assert.equal(readings.get('kx3', 'T'), null);
  assert.equal(readings.get('kx3', 'frequency')?.value?.number, 7.03);
  assert.equal(readings.get('other', 'T')?.series.length, 1);
});

test('a chart begins with the curves of a profile, else with the first six', () => {
  const readings = new Readings();
  readings.take(said('a', 'a=1 b=1 c=1 d=1 e=1 f=1 g=1'));
  assert.deepEqual(chosen([...readings.all.values()]).map(({ name }) => name), ['a', 'b', 'c', 'd', 'e', 'f']);
  readings.setProfile('kx3', RADIO);
  assert.deepEqual(chosen([...readings.all.values()]).map(({ name }) => name), ['s-meter']);
});

test('an instrument that makes up new names all the time does not fill the page', () => {
  const readings = new Readings();
  for (let n = 0; n < 1_000; n++) readings.take(said('a', `n${n}=1`));
  assert.ok(readings.all.size <= 128);
});

// ---- The profiles that come with the plugin ------------------------------------------------------------------

const DIRECTORY = new URL('../../../../profiles/', import.meta.url);

test('the page knows all that stands in the profiles of the plugin', () => {
  for (const file of readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'))) {
    const json = JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8')) as { quantities?: unknown[]; panel?: unknown[] };
    const read = readProfile(json)!;
    assert.equal(read.quantities.length, json.quantities?.length ?? 0, file);
    assert.equal(read.panel.length, json.panel?.length ?? 0, file);
  }
});
