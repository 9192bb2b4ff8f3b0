/**
 * What instruments measure: each number with its history, found in their messages by a profile or without one. Pure.
 */

import { Finder } from './find';
import { isWord, type Profile, type Quantity } from './profile';
import { valueOf, type Value } from './quantities';
import { Series } from './series';
import type { Entry } from './store';

export interface Reading {
  /** Tells it from all others. */
  key: string;
  label: string;
  name: string;
  title: string;
  unit: string;
  digits: number | null;
  /** It has words and no numbers. */
  isWord: boolean;
  /** A profile wants it to be drawn. */
  isCurve: boolean;
  /** The last value; null before the first. */
  value: Value | null;
  series: Series;
}

type Named = Pick<Quantity, 'name' | 'title' | 'unit' | 'digits' | 'curve'>;

/** As many quantities as a profile may have. More are no measurement but noise that looks like numbers. */
const MOST_READINGS = 128;
/** Of all histories together: 128 MiB. */
const MOST_POINTS_IN_ALL = 8 * 1024 * 1024;
const MICROSECONDS = 1e6;

const decoder = new TextDecoder();

export class Readings {
  readonly all = new Map<string, Reading>();
  /** Grows when there are other readings than before. */
  version = 0;
  private readonly finders = new Map<string, Finder>();
  private readonly profiles = new Map<string, Profile>();

  /** From now on the messages of this label are read as the profile says; null: by guessing. */
  setProfile(label: string, profile: Profile | null): void {
    for (const reading of [...this.all.values()]) if (reading.label === label) this.all.delete(reading.key);
    this.version++;
    if (profile === null || profile.quantities.length === 0) {
      this.profiles.delete(label);
      return;
    }
    this.profiles.set(label, profile);
    for (const quantity of profile.quantities) this.add(label, quantity, isWord(quantity));
  }

  get(label: string, name: string): Reading | null {
    return this.all.get(key(label, name)) ?? null;
  }

  take({ label, time, isText, isSent, bytes }: Entry): void {
    if (isSent) return;
    const seconds = time / MICROSECONDS;
    const text = isText ? decoder.decode(bytes) : null;
    const profile = this.profiles.get(label);
    if (profile !== undefined) this.takeQuantities(label, profile.quantities, bytes, text, seconds);
    else if (text !== null) this.takeFound(label, text, seconds);
  }

  /** Forgets what was measured, not what is measured. */
  clear(): void {
    for (const { series } of this.all.values()) series.clear();
  }

  private takeQuantities(label: string, quantities: Quantity[], bytes: Uint8Array, text: string | null, seconds: number): void {
    for (const quantity of quantities) {
      const value = valueOf(quantity, bytes, text);
      const reading = value === null ? null : this.get(label, quantity.name);
      if (value === null || reading === null) continue;
      reading.value = value;
      if (value.number !== null) reading.series.add(seconds, value.number);
    }
  }

  private takeFound(label: string, text: string, seconds: number): void {
    let finder = this.finders.get(label);
    if (finder === undefined) this.finders.set(label, (finder = new Finder()));
    for (const { name, value, unit } of finder.find(text)) {
      const reading = this.get(label, name) ?? this.add(label, { name, title: name, unit, digits: null, curve: false }, false);
      if (reading === null) continue;
      reading.value = { raw: String(value), word: null, number: value };
      if (unit !== '' && reading.unit === '') {
        reading.unit = unit;
        this.version++;
      }
      reading.series.add(seconds, value);
    }
  }

  private add(label: string, { name, title, unit, digits, curve }: Named, isWord: boolean): Reading | null {
    if (this.all.size >= MOST_READINGS) return null;
    const made: Reading = { key: key(label, name), label, name, title, unit, digits, isWord, isCurve: curve, value: null, series: new Series() };
    this.all.set(made.key, made);
    for (const { series } of this.all.values()) series.shrinkTo(Math.floor(MOST_POINTS_IN_ALL / this.all.size));
    this.version++;
    return made;
  }
}

function key(label: string, name: string): string {
  return `${label}\n${name}`;
}

/** What a chart shows unless a person chooses: the curves of the profiles, else the first six that have numbers. */
export function chosen(readings: Reading[], most = 6): Reading[] {
  const curves = readings.filter((reading) => reading.isCurve);
  const rest = readings.filter((reading) => reading.series.length > 0 && !reading.isWord);
  return (curves.length > 0 ? curves : rest).slice(0, most);
}
