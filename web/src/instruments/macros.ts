/**
 * Commands that a person put on buttons, as they are kept and passed on. Pure.
 */

import { unescaped } from './commands';

export interface Macro {
  title: string;
  /** With escapes, as it was typed. */
  command: string;
  /** Milliseconds between repetitions; 0: it is sent once. */
  repeat: number;
  /** Which instrument; empty: the one that the command line sends to. */
  label: string;
}

export const FASTEST_REPEAT = 50;
const MOST = 100;
const LONGEST = 4_096;

/** What is wrong with it, as a sentence; null if nothing is. */
export function trouble({ title, command, repeat }: Macro): string | null {
  if (title.trim() === '') return 'Give the button a title.';
  if (command === '') return 'Type the command that the button sends.';
  if (title.length > 100 || command.length > LONGEST) return 'This is too long for a button.';
  if (unescaped(command) === null) return 'A backslash begins \\r, \\n, \\t, \\0, \\xHH or \\\\; this one begins nothing.';
  if (!Number.isFinite(repeat) || repeat < 0) return 'The repetition is a number of milliseconds.';
  if (repeat > 0 && repeat < FASTEST_REPEAT) return `Not more often than every ${FASTEST_REPEAT} ms.`;
  return null;
}

export function toJson(macros: Macro[]): string {
  return `${JSON.stringify({ 'periscope-macros': 1, macros }, null, 2)}\n`;
}

/** What a file holds; null if it holds no macros. Those that are of no use are left out. */
export function fromJson(text: string): Macro[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const list = Array.isArray(value) ? value : typeof value === 'object' && value !== null ? (value as { macros?: unknown }).macros : null;
  if (!Array.isArray(list)) return null;
  return list.flatMap(macro).slice(0, MOST);
}

function macro(value: unknown): Macro[] {
  if (typeof value !== 'object' || value === null) return [];
  const { title, command, repeat, label } = value as Record<string, unknown>;
  if (typeof title !== 'string' || typeof command !== 'string') return [];
  const read: Macro = { title, command, repeat: typeof repeat === 'number' ? repeat : 0, label: typeof label === 'string' ? label : '' };
  return trouble(read) === null ? [read] : [];
}
