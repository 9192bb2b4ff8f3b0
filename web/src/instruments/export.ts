/**
 * Everything in the store as one file, made in slices.
 */

import { Sheet } from './sheet';
import { inSlices, nextTask } from './slices';
import type { Entry, Store } from './store';

/** The browser may keep finished parts on disk. */
const PART = 1 << 20;

/** Writes what is in the store now; what comes meanwhile is not in it. `onProgress` gets 0 … 1. */
export async function gather(
  store: Store,
  header: string,
  line: (sheet: Sheet, entry: Entry) => void,
  onProgress: (part: number) => void = () => undefined,
  pause = nextTask,
): Promise<Blob[]> {
  const { first, end } = store;
  const sheet = new Sheet();
  const parts: Blob[] = [];
  sheet.text(header);
  let next = first;
  let told = 0;
  await inSlices(() => {
    for (const until = Math.min(end, next + 64); next < until; next++) {
      const entry = store.get(next);
      // Null: the store dropped it while we were writing.
      if (entry !== null) line(sheet, entry);
    }
    if (sheet.length >= PART) parts.push(new Blob([sheet.take()]));
    if (next - told > 20_000) onProgress(((told = next) - first) / (end - first));
    return next < end;
  }, pause);
  parts.push(new Blob([sheet.take()]));
  return parts;
}

/** Hands a file to the person. */
export function download(parts: Blob[], name: string, type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A name for a file made now: periscope-2025-01-02-03-04-05.csv, local time. */
export function fileName(extension: string, date: Date): string {
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  return `periscope-${parts.map((part) => String(part).padStart(2, '0')).join('-')}.${extension}`;
}
