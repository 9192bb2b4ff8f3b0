import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Finder } from '../src/instruments/find';
import { generator } from './random';

/** As `name=value unit`, one after the other. */
function found(...lines: string[]): string[] {
  const finder = new Finder();
  return lines.map((line) => finder.find(line).map(({ name, value, unit }) => `${name}=${value}${unit === '' ? '' : ` ${unit}`}`).join(', ')).slice(-1);
}

const CASES: [what: string, line: string, expected: string][] = [
  ['one number', '+1.2345E+00', 'value=1.2345'],
  ['one number with a unit', '3.301 VDC', 'value=3.301 VDC'],
  ['one number with a unit right behind', '12.000V', 'value=12 V'],
  ['a list of numbers', '+1.0E+00,-2.5E-03,7', 'column 1=1, column 2=-0.0025, column 3=7'],
  ['an overload', '+9.90000000E+37', ''],
  ['one overload in a list', '1.5,9.9E37', 'column 1=1.5'],
  ['key=value', 'T=21.5 H=40 P=101325', 'T=21.5, H=40, P=101325'],
  ['key=value with units', 'T=21.5C, H=40 %, U=3.3 V', 'T=21.5 C, H=40 %, U=3.3 V'],
  ['keys of several words', 'Battery voltage: 3.30 V, Load: 12%', 'Battery voltage=3.3 V, Load=12 %'],
  ['a time of day behind a key', 'time=12:34:56 temp=20', 'temp=20'],
  ['a date behind a key', 'date=2025-01-02 temp=20', 'temp=20'],
  ['an address behind a key', 'ip=192.168.1.20 n=3', 'n=3'],
  ['names and numbers in turn', 'CPS, 1, CPM, 20, uSv/hr, 0.11, SLOW', 'CPS=1, CPM=20, uSv/hr=0.11'],
  ['a word and a number', 'VOLT 3.300', 'VOLT=3.3'],
  ['words, numbers and units', 'Tank level 12.5 m flow 3 l/min', 'Tank level=12.5 m, flow=3 l/min'],
  ['columns with blanks', '0.52 0.58 0.59 1/389 1234', 'column 1=0.52, column 2=0.58, column 3=0.59, column 5=1234'],
  ['a time stamp and columns', '2025-01-02T03:04:05,21.5,40', 'column 2=21.5, column 3=40'],
  ['a decimal comma parts two columns', '21,5', 'column 1=21, column 2=5'],
  ['JSON', '{"t":21.5,"air":{"h":40,"p":[1,2]},"name":"x","u":"3.3 V"}', 't=21.5, air.h=40, air.p 1=1, air.p 2=2, u=3.3 V'],
  ['a JSON list', '[1,2.5]', 'column 1=1, column 2=2.5'],
  ['a frequency as transceivers say it', 'FA00014060000;', ''],
  ['prose', 'hello world', ''],
  ['nothing', '  \r\n', ''],
  ['GGA', '$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47', 'latitude=48.1173 °, longitude=11.516666666666667 °, fix=1, satellites=8, HDOP=0.9, altitude=545.4 m'],
  ['RMC', '$GPRMC,123519,A,4807.038,S,01131.000,W,022.4,084.4,230394,003.1,W*65', 'latitude=-48.1173 °, longitude=-11.516666666666667 °, speed=22.4 kn, course=84.4 °'],
  ['RMC without a fix', '$GPRMC,123519,V,,,,,,,230394,,*33', ''],
  ['VTG', '$GPVTG,054.7,T,034.4,M,005.5,N,010.2,K*48', 'course=54.7 °, speed=5.5 kn, ground speed=10.2 km/h'],
  ['another sentence', '$WIMWV,214.8,R,0.1,K,A*28', 'MWV 1=214.8, MWV 3=0.1'],
  ['a sentence with a wrong checksum', '$GPVTG,054.7,T,034.4,M,005.5,N,010.2,K*49', ''],
];

for (const [what, line, expected] of CASES) {
  test(`the numbers in a line are found: ${what}`, () => assert.deepEqual(found(line), [expected]));
}

test('the head of a table names its columns', () => {
  assert.deepEqual(found('time,temperature,humidity', '2025-01-02,21.5,40'), ['temperature=21.5, humidity=40']);
  assert.deepEqual(found('temperature,humidity', '1,2,3'), ['column 1=1, column 2=2, column 3=3']);
});

test('noise is read in a moment and never throws', () => {
  const random = generator(2);
  const alphabet = 'abcXYZ=:,; .0123456789+-eE{}[]"$*%°\t';
  const begun = performance.now();
  const finder = new Finder();
  for (let round = 0; round < 300; round++) {
    const line = Array.from({ length: random(1_000) }, () => alphabet[random(alphabet.length)]!).join('');
    for (const { value } of finder.find(line)) assert.ok(Number.isFinite(value));
  }
  for (const line of ['a'.repeat(60_000), 'a '.repeat(30_000), '1'.repeat(60_000), '='.repeat(60_000), 'a:'.repeat(30_000)]) finder.find(line);
  assert.ok(performance.now() - begun < 5_000);
});
