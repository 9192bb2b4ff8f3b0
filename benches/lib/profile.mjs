// @ts-check
/** Where a process spends its time: perf's samples, by library. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Samples a second, no multiple of anything that is done regularly. */
const FREQUENCY = '1999';

/** What libraries are for, the first that fits. @type {[string, RegExp][]} */
const KINDS = [
  ['source and encoder', /x264|vpx|videotestsrc|libgstvideo|liborc|perf-.*\.map|\[anon\]|\/\/anon/],
  ['Linux', /kernel|\[vdso\]/],
  ['encryption', /freebl|softokn|nss3|nspr|plds|srtp|libcrypto|libssl/],
  ['GStreamer', /libgst(?!periscope)/],
  ['GLib', /libg(lib|object|thread|io)-/],
  ['C library', /libc\.so|ld-linux|libm\.so|libgcc/],
  ['Periscope', /gstperiscope/],
];

/**
 * Parts of the time of a process, by what it was spent for; none where perf is missing or may not look.
 * @param {number} pid
 * @param {number} seconds
 * @returns {Promise<Record<string, number> | null>}
 */
export async function profile(pid, seconds) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-profile-'));
  const data = join(directory, 'perf.data');
  try {
    await run('perf', ['record', '-q', '-F', FREQUENCY, '-o', data, '-p', String(pid), '--', 'sleep', String(seconds)]);
    const { stdout } = await run('perf', ['report', '-q', '-i', data, '--stdio', '--sort', 'dso', '--field-separator', ';'], { maxBuffer: 1 << 24 });
    /** @type {Record<string, number>} */
    const parts = Object.fromEntries([...KINDS.map(([kind]) => [kind, 0]), ['the rest', 0]]);
    for (const line of stdout.split('\n')) {
      const [, percent, library] = /^\s*([\d.]+)%?\s*;(.*)$/.exec(line) ?? [];
      if (percent === undefined || library === undefined) continue;
      const kind = KINDS.find(([, fits]) => fits.test(library))?.[0] ?? 'the rest';
      parts[kind] = (parts[kind] ?? 0) + Number(percent) / 100;
    }
    return parts;
  } catch {
    return null;
  } finally {
    await rm(directory, { recursive: true });
  }
}
