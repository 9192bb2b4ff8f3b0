/**
 * Numbers in the sentences of GPS receivers and other ships' instruments (NMEA 0183). Pure.
 */

import type { Found } from './find';

const SENTENCE = /^[$!](?:P([A-Z]{3,})|[A-Z]{2}([A-Z]{3})),([^*]*)(?:\*([0-9A-Fa-f]{2}))?$/;

/** The numbers of a sentence; null if this is none, or its checksum is wrong. */
export function nmea(text: string): Found[] | null {
  const match = SENTENCE.exec(text);
  if (match === null) return null;
  const [, maker, type, body = '', sum] = match;
  if (sum !== undefined && checksum(text) !== parseInt(sum, 16)) return null;
  const fields = body.split(',');
  switch (type) {
    case 'GGA':
      return [
        ...position(fields, 1),
        ...number('fix', fields[5], ''),
        ...number('satellites', fields[6], ''),
        ...number('HDOP', fields[7], ''),
        ...number('altitude', fields[8], 'm'),
      ];
    case 'RMC':
      return fields[1] === 'V' ? [] : [...position(fields, 2), ...number('speed', fields[6], 'kn'), ...number('course', fields[7], '°')];
    case 'VTG':
      return [...number('course', fields[0], '°'), ...number('speed', fields[4], 'kn'), ...number('ground speed', fields[6], 'km/h')];
    case 'GLL':
      return position(fields, 0);
    case 'GSA':
      return [...number('PDOP', fields[14], ''), ...number('HDOP', fields[15], ''), ...number('VDOP', fields[16], '')];
    case 'GSV':
      return number('satellites in view', fields[2], '');
    default:
      return fields.flatMap((field, index) => number(`${maker ?? type} ${index + 1}`, field, ''));
  }
}

function checksum(text: string): number {
  let sum = 0;
  for (const character of text.slice(1, text.lastIndexOf('*'))) sum ^= character.charCodeAt(0);
  return sum;
}

function number(name: string, field: string | undefined, unit: string): Found[] {
  if (field === undefined || !/^[-+]?\d+(?:\.\d*)?$/.test(field)) return [];
  return [{ name, value: Number(field), unit }];
}

function position(fields: string[], at: number): Found[] {
  const latitude = signed(fields[at], fields[at + 1], 'S');
  const longitude = signed(fields[at + 2], fields[at + 3], 'W');
  if (Number.isNaN(latitude) || Number.isNaN(longitude)) return [];
  return [
    { name: 'latitude', value: latitude, unit: '°' },
    { name: 'longitude', value: longitude, unit: '°' },
  ];
}

function signed(field = '', side: string | undefined, negative: string): number {
  return side === negative ? -degrees(field) : degrees(field);
}

/** Degrees and minutes as receivers write them, dddmm.mmmm, in degrees; NaN if it is none of that. */
export function degrees(text: string): number {
  const match = /^(\d{1,3})(\d{2}(?:\.\d*)?)$/.exec(text);
  return match === null ? NaN : Number(match[1]) + Number(match[2]) / 60;
}
