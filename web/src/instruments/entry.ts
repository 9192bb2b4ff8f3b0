/**
 * What a person types into a widget that takes a number. Pure.
 */

import type { Widget } from './profile';

type Range = Pick<Extract<Widget, { widget: 'entry' }>, 'min' | 'max' | 'digits' | 'unit'>;

/** The number that a person typed, or what is wrong with it. */
export function readEntry(typed: string, { min, max, digits, unit }: Range): number | string {
  const text = typed.trim().replace(',', '.');
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) return 'Type a number.';
  const named = (limit: number): string => `${limit.toFixed(digits)} ${unit}`.trim();
  if (min !== null && value < min) return `Not less than ${named(min)}.`;
  if (max !== null && value > max) return `Not more than ${named(max)}.`;
  return Number(value.toFixed(digits));
}
