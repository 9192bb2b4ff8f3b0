/**
 * Finds the numbers in a line that an instrument says, without being told how it talks: `key=value`, CSV, JSON, SCPI
 * and NMEA. Pure.
 */

import { nmea } from './nmea';

export interface Found {
  name: string;
  value: number;
  /** Empty where the line names none. */
  unit: string;
}

const LONGEST_LINE = 16_384;
/** Behind so many nobody names a number. */
const MOST_WORDS = 6;
const MOST_NUMBERS = 32;
const DEEPEST = 4;
/** SCPI's numbers for "overload" and "not a number" (IEEE 488.2 leaves them to SCPI-99, section 7.2.1). */
const NOT_MEASURED = 9.9e37;

const NUMBER = '[-+]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][-+]?\\d+)?';
const UNIT =
  /^(?:%|°[CFK]?|dB\w{0,3}|[fpnuµμmcdhkMGT]?(?:Hz|V(?:DC|AC|dc|ac|pp)?|A(?:DC|AC|dc|ac|h)?|Wh?|VA|s|m|g|F|H|Ω|[Oo]hms?|OHM|Pa|bar|J|N|Nm|K|C|B|Sv|R|Bq|[lL]|rad|deg|mol|lx|lm|T)(?:\/(?:s|h|hr|m|min|km))?|c[pP][sm]|CP[SM]|rpm|RPM|ppm|ppb|bpm|kn|kt|mph|min|h|in|ft)$/;
const AMOUNT = new RegExp(`^(${NUMBER})\\s*(\\S*)$`);
/** With an equals sign the name is one word; with a colon it may be several: `Battery voltage: 3.3 V`. */
const PAIR = new RegExp(`(?:([A-Za-z_µ][\\w./%-]{0,40})\\s*=|([A-Za-z_µ][\\w ./()%-]{0,40}?)\\s*:)\\s*(${NUMBER})(?![:.\\d]|-\\d)`, 'g');
const UNIT_BEHIND = /\s?([%°µμΩA-Za-z][%°µμΩA-Za-z/]{0,7})(?=$|[\s,;|)])/y;
const NAME = /^[A-Za-z_µ][\w /%°µ.()#-]*$/;

export class Finder {
  /** The last line of nothing but names: the head of a table. */
  private names: string[] = [];

  find(line: string): Found[] {
    const text = line.trim();
    if (text === '' || text.length > LONGEST_LINE) return [];
    return this.findAll(text)
      .filter(({ value }) => Number.isFinite(value) && Math.abs(value) < NOT_MEASURED)
      .slice(0, MOST_NUMBERS);
  }

  private findAll(text: string): Found[] {
    if (text.startsWith('$') || text.startsWith('!')) {
      // A sentence with a wrong checksum holds wrong numbers.
      return nmea(text) ?? [];
    }
    if (text.startsWith('{') || text.startsWith('[')) {
      const found = json(text);
      if (found !== null) return found;
    }
    const found = pairs(text);
    return found.length > 0 ? found : this.cells(text);
  }

  /** Columns with commas, semicolons, tabs or bars between them, or else with blanks. */
  private cells(text: string): Found[] {
    const isTable = /[,;\t|]/.test(text);
    const cells = text
      .split(isTable ? /[,;\t|]/ : /\s+/)
      .map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    // What ends in a separator has no cell behind it.
    if (cells[cells.length - 1] === '') cells.pop();
    if (cells.length > 1 && isTable && cells.every((cell) => NAME.test(cell) && !UNIT.test(cell))) {
      this.names = cells;
      return [];
    }
    const head = this.names.length === cells.length ? this.names : null;
    return columns(cells, isTable, head);
  }
}

function columns(cells: string[], isTable: boolean, head: string[] | null): Found[] {
  const found: Found[] = [];
  let words: string[] = [];
  for (const [index, cell] of cells.entries()) {
    const whole = amount(cell);
    const { name, part } = whole !== null || !isTable ? { name: '', part: whole } : lastAmount(cell);
    if (part !== null) {
      const named = name !== '' ? name : words.join(' ');
      const single = cells.length === 1 || (cells.length === 2 && UNIT.test(cells[1]!));
      found.push({ name: head?.[index] ?? (named !== '' ? named : single ? 'value' : `column ${index + 1}`), ...part });
      words = [];
    } else if (!isTable && words.length === 0 && UNIT.test(cell) && found.length > 0 && found[found.length - 1]!.unit === '') {
      found[found.length - 1]!.unit = cell;
    } else {
      words = NAME.test(cell) ? [...(isTable ? [] : words.slice(1 - MOST_WORDS)), cell] : [];
    }
  }
  return found;
}

/** `+1.2345E+00`, `3.3V`; null where there is more, or something else. */
function amount(cell: string): Omit<Found, 'name'> | null {
  const match = AMOUNT.exec(cell);
  if (match === null) return null;
  const unit = match[2] ?? '';
  return unit === '' || UNIT.test(unit) ? { value: Number(match[1]), unit } : null;
}

/** `VOLT 3.3`, as a cell of a table. */
function lastAmount(cell: string): { name: string; part: Omit<Found, 'name'> | null } {
  const match = new RegExp(`^(\\D.{0,40}?)\\s+(${NUMBER}\\s*\\S{0,8})$`).exec(cell);
  return { name: match?.[1] ?? '', part: match === null ? null : amount(match[2]!) };
}

function pairs(text: string): Found[] {
  const found: Found[] = [];
  PAIR.lastIndex = 0;
  for (let match = pair(text); match !== null; match = pair(text)) {
    const { name, value, next } = match;
    UNIT_BEHIND.lastIndex = next;
    const unit = UNIT_BEHIND.exec(text)?.[1] ?? '';
    const isUnit = UNIT.test(unit);
    PAIR.lastIndex = isUnit ? UNIT_BEHIND.lastIndex : next;
    found.push({ name, value, unit: isUnit ? unit : '' });
  }
  return found;
}

function pair(text: string): { name: string; value: number; next: number } | null {
  const match = PAIR.exec(text);
  if (match === null) return null;
  return { name: (match[1] ?? match[2] ?? '').trim(), value: Number(match[3]), next: PAIR.lastIndex };
}

function json(text: string): Found[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const found: Found[] = [];
  walk(value, '', 0, found);
  return found;
}

function walk(value: unknown, name: string, depth: number, found: Found[]): void {
  if (found.length >= MOST_NUMBERS || depth > DEEPEST) return;
  if (typeof value === 'number') {
    found.push({ name: name === '' ? 'value' : name, value, unit: '' });
  } else if (typeof value === 'string') {
    const part = depth > 0 ? amount(value.trim()) : null;
    if (part !== null) found.push({ name, ...part });
  } else if (Array.isArray(value)) {
    value.forEach((one, index) => walk(one, name === '' ? `column ${index + 1}` : `${name} ${index + 1}`, depth + 1, found));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) walk(one, name === '' ? key : `${name}.${key}`, depth + 1, found);
  }
}
