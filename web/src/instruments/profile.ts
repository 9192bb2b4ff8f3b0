/**
 * As much of an instrument's profile as the page needs: which numbers its messages hold, and how it looks. The bench has
 * checked the profile; what the page does not know it leaves out. Pure.
 */

import { isCommand, type Command } from './commands';

export interface Quantity {
  name: string;
  title: string;
  unit: string;
  scale: number;
  offset: number;
  /** Decimals to show; null: as many as the number has. */
  digits: number | null;
  min: number | null;
  max: number | null;
  curve: boolean;
  /** Words that stand for what the instrument says. */
  values: Map<string, string>;
  rule: TextRule | BytesRule;
}

export interface TextRule {
  kind: 'text';
  pattern: RegExp;
  /** `degrees`: degrees and minutes as GPS receivers write them. */
  as: 'number' | 'word' | 'degrees';
}

export interface BytesRule {
  kind: 'bytes';
  /** What the message begins with. */
  match: Uint8Array;
  at: number;
  type: NumberType;
}

export const NUMBER_TYPES = ['u8', 'i8', 'u16be', 'u16le', 'i16be', 'i16le', 'u32be', 'u32le', 'i32be', 'i32le', 'f32be', 'f32le'] as const;
export type NumberType = (typeof NUMBER_TYPES)[number];

interface Titled {
  title: string;
}

export type Widget =
  | (Titled & { widget: 'gauge'; quantity: string; min: number; max: number })
  | (Titled & { widget: 'number'; quantity: string })
  | (Titled & { widget: 'curve'; quantities: string[] })
  | (Titled & { widget: 'lamp'; quantity: string; on: string })
  | (Titled & { widget: 'button'; send: Command })
  | (Titled & { widget: 'hold'; press: Command; release: Command })
  | (Titled & { widget: 'entry'; send: Command; unit: string; scale: number; digits: number; min: number | null; max: number | null; quantity: string | null })
  | (Titled & { widget: 'select'; quantity: string | null; options: Option[] });

export interface Option {
  title: string;
  send: Command;
}

export interface Profile {
  name: string;
  title: string;
  about: string;
  quantities: Quantity[];
  panel: Widget[];
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : otherwise);
const finite = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

export function readProfile(value: unknown): Profile | null {
  if (!isFields(value)) return null;
  const name = text(value['name']);
  const quantities = list(value['quantities']).flatMap(quantity);
  const titles = new Map(quantities.map((one) => [one.name, one]));
  return {
    name,
    title: text(value['title'], name),
    about: text(value['about']),
    quantities,
    panel: list(value['panel']).flatMap((fields) => widget(fields, titles)),
  };
}

function quantity(fields: Fields): Quantity[] {
  const name = text(fields['name']);
  const rule = isFields(fields['text']) ? textRule(fields['text']) : isFields(fields['bytes']) ? bytesRule(fields['bytes']) : null;
  if (name === '' || rule === null) return [];
  const digits = finite(fields['digits']);
  return [
    {
      name,
      title: text(fields['title'], name),
      unit: text(fields['unit']),
      scale: finite(fields['scale']) ?? 1,
      offset: finite(fields['offset']) ?? 0,
      digits: digits === null ? null : Math.min(12, Math.max(0, Math.round(digits))),
      min: finite(fields['min']),
      max: finite(fields['max']),
      curve: fields['curve'] === true,
      values: words(fields['values']),
      rule,
    },
  ];
}

function textRule(fields: Fields): TextRule | null {
  try {
    // Rust names groups with a P, which JavaScript does not know.
    const as = fields['as'] === 'word' || fields['as'] === 'degrees' ? fields['as'] : 'number';
    return { kind: 'text', pattern: new RegExp(text(fields['pattern']).replace(/\(\?P</g, '(?<')), as };
  } catch {
    return null;
  }
}

function words(value: unknown): Map<string, string> {
  return new Map(isFields(value) ? Object.entries(value).map(([key, word]) => [key, String(word)]) : []);
}

/** What is shown as a word is no number to draw. */
export function isWord({ rule, values }: Quantity): boolean {
  return values.size > 0 || (rule.kind === 'text' && rule.as === 'word');
}

function bytesRule(fields: Fields): BytesRule | null {
  const type = NUMBER_TYPES.find((one) => one === fields['type']);
  const at = finite(fields['at']);
  const match = text(fields['match']).replace(/\s+/g, '');
  if (type === undefined || at === null || at < 0 || match.length % 2 !== 0 || /[^0-9A-Fa-f]/.test(match)) return null;
  const bytes = (match.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  return { kind: 'bytes', match: Uint8Array.from(bytes), at, type };
}

function widget(fields: Fields, quantities: Map<string, Quantity>): Widget[] {
  const named = text(fields['quantity']);
  const known = quantities.get(named);
  const title = text(fields['title'], known?.title ?? named);
  switch (fields['widget']) {
    case 'gauge':
      if (known === undefined) return [];
      return [{ widget: 'gauge', title, quantity: named, min: finite(fields['min']) ?? known.min ?? 0, max: finite(fields['max']) ?? known.max ?? 100 }];
    case 'number':
      return known === undefined ? [] : [{ widget: 'number', title, quantity: named }];
    case 'curve': {
      const all = Array.isArray(fields['quantities']) ? fields['quantities'] : [fields['quantity']];
      const shown = all.filter((one): one is string => typeof one === 'string' && quantities.has(one));
      return shown.length === 0 ? [] : [{ widget: 'curve', title: text(fields['title'], quantities.get(shown[0]!)!.title), quantities: shown }];
    }
    case 'lamp':
      return known === undefined ? [] : [{ widget: 'lamp', title, quantity: named, on: String(fields['on'] ?? '1') }];
    case 'button':
      return isCommand(fields['send']) ? [{ widget: 'button', title, send: fields['send'] }] : [];
    case 'hold': {
      const { press, release } = fields;
      return isCommand(press) && isCommand(release) ? [{ widget: 'hold', title, press, release }] : [];
    }
    case 'entry':
      return entry(fields, title, known);
    case 'select': {
      const options = list(fields['options']).flatMap((option) => (isCommand(option['send']) ? [{ title: text(option['title']), send: option['send'] }] : []));
      return options.length === 0 ? [] : [{ widget: 'select', title, quantity: known === undefined ? null : named, options }];
    }
    default:
      return [];
  }
}

function entry(fields: Fields, title: string, known: Quantity | undefined): Widget[] {
  const { send } = fields;
  if (!isCommand(send)) return [];
  return [
    {
      widget: 'entry',
      title,
      send,
      unit: text(fields['unit'], known?.unit ?? ''),
      scale: finite(fields['scale']) ?? 1,
      digits: Math.min(12, Math.max(0, finite(fields['digits']) ?? 0)),
      min: finite(fields['min']),
      max: finite(fields['max']),
      quantity: known?.name ?? null,
    },
  ];
}
