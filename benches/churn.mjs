// @ts-check
/**
 * Viewers come by code, see a picture and leave, again and again: what of them stays in the bench?
 *
 *   node benches/churn.mjs [--cycles 1000] [--quick] [--json DIRECTORY] [--browsers chromium]
 *
 * Of ten visits in a row, five end with a good-bye, four without one, and one with a browser that is killed: that viewer is
 * found out by its silence. After each tenth of the visits the bench has come to rest, and is looked at. Objects of
 * GStreamer are counted in a second, shorter run by its tracer of leaks, which is too slow for the first.
 *
 * Memory is what the system counts, free memory included that the allocator has not given back. If that grows, run it with
 * MALLOC_ARENA_MAX=1 in the environment: what still grows then is kept by somebody.
 */

import { readdir, readFile, readlink, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { close, kill, launch } from '../tests/browser/harness/browsers.mjs';
import { FILE_URL } from '../tests/browser/harness/page.mjs';
import { slope, table, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { Program } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {{cycles: number, threads: number, descriptors: number, rss: number, peers: number}} Sample */

const SAMPLES = 10;
/** What memory may grow by, in bytes for each viewer, once the bench has grown to its size. */
const GROWTH = 4096;
/** With fewer viewers a grain of the allocator is more than that. */
const ENOUGH_FOR_MEMORY = 500;
/** Visits of the run that counts objects, after as many that fill the caches. */
const TRACED = options.quick ? 30 : 50;
/** So many of one type more are no accident, even if only those who vanish leave one. Fewer are buffers on their way. */
const LEAKED = TRACED / 10;

/** Until the silent are found out (15 s) and idle threads of GLib's pools have ended (15 s more). */
const REST = 45_000;
/** How long nothing may have changed. */
const STILL = 1_000;

const { build } = /** @type {typeof import('../web/node_modules/esbuild/lib/main.js')} */ (
  createRequire(new URL('../web/package.json', import.meta.url))('esbuild')
);
const bundled = await build({
  entryPoints: [fileURLToPath(new URL('visitor.ts', import.meta.url))],
  bundle: true,
  write: false,
  format: 'iife',
});
const visitor = bundled.outputFiles[0]?.text ?? '';

// ---- Visits ----------------------------------------------------------------------------------------------------

/** @param {number} number */
const leaving = (number) => (number % 10 === 9 ? 'stay' : number % 2 === 0 ? 'bye' : 'close');

/**
 * So many viewers, one after the other, from a browser that is killed at the end.
 * @param {Kind} kind
 * @param {string} code
 * @param {number} count
 * @param {Report} [report]
 */
async function visits(kind, code, count, report) {
  const browser = await launch(kind);
  try {
    await report?.uses(kind, browser);
    const tab = await browser.newPage();
    // The same origin as the page from disk, and none of its scripts.
    await tab.goto(FILE_URL.replace(/[^/]*$/, ''));
    await tab.evaluate(visitor);
    // The last ones stay, so that all who stay are there at once only if there are few.
    const order = Array.from({ length: count }, (_, i) => leaving(i)).sort((a, b) => Number(a === 'stay') - Number(b === 'stay'));
    for (const how of order) {
      await tab.evaluate((text, way) => /** @type {any} */ (window).visit(text, way), code, how);
    }
    await kill(browser);
  } finally {
    await close(browser);
  }
}

// ---- Looking at the bench --------------------------------------------------------------------------------------

/** @param {number} pid */
async function measured(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    threads: (await readdir(`/proc/${pid}/task`)).length,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    rss: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN) * 1024,
  };
}

/**
 * Waits until nobody is there and the bench holds no more than `before`, or does not come to it.
 * @param {Program} bench
 * @param {Sample} [before]
 */
async function atRest(bench, before) {
  const until = performance.now() + REST;
  let [last, since] = ['', performance.now()];
  for (;;) {
    const peers = await bench.peers();
    const now = await measured(bench.pid);
    const state = JSON.stringify([peers, now.threads, now.descriptors]);
    if (state !== last) [last, since] = [state, performance.now()];
    const isStill = performance.now() - since > STILL;
    const isLow = peers === 0 && before !== undefined && now.threads <= before.threads && now.descriptors <= before.descriptors;
    if ((isLow && isStill) || performance.now() > until) return { ...now, peers };
    await pause(200);
  }
}

/** What the process has open and which threads run, by name. @param {number} pid */
async function inventory(pid) {
  const threads = await Promise.all(
    (await readdir(`/proc/${pid}/task`)).map((id) => readFile(`/proc/${pid}/task/${id}/comm`, 'utf8').then((name) => name.trim(), () => '')),
  );
  const files = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((id) => readlink(`/proc/${pid}/fd/${id}`).catch(() => '')));
  // Numbers tell one viewer's from another's.
  return counted([...threads.map((name) => `thread ${name.replace(/\d+/g, 'N')}`), ...files.map((name) => `descriptor ${name.replace(/\d+/g, 'N')}`)]);
}

/** @param {string[]} names @returns {Map<string, number>} */
function counted(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What there is more of than before. @param {Map<string, number>} before @param {Map<string, number>} after */
const grown = (before, after) =>
  [...after].flatMap(([name, count]) => {
    const more = count - (before.get(name) ?? 0);
    return more > 0 ? [{ name, more }] : [];
  });

// ---- The two runs ----------------------------------------------------------------------------------------------

/** @param {Kind} kind @param {Report} report */
async function countProcess(kind, report) {
  const bench = Program.bench('max-peers=1000');
  const code = await bench.code();
  const batch = Math.ceil(options.cycles / SAMPLES);
  /** @type {Sample[]} */
  const samples = [];
  let before = new Map();
  for (let i = 1; i <= SAMPLES; i++) {
    await visits(kind, code, batch, report);
    const sample = { cycles: i * batch, ...(await atRest(bench, samples[0])) };
    samples.push(sample);
    if (i === 1) before = await inventory(bench.pid);
    console.error(`${kind}: ${sample.cycles} viewers, ${sample.threads} threads, ${sample.descriptors} descriptors, ${mib(sample.rss)} MiB`);
  }
  const more = grown(before, await inventory(bench.pid));
  await bench.stop();
  return { samples, more };
}

/** Objects of GStreamer, by type, that are alive for longer than the viewers. @param {Kind} kind */
async function countObjects(kind) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-churn-'));
  const log = join(directory, 'leaks.log');
  const bench = Program.bench('max-peers=1000', {
    GST_TRACERS: 'leaks',
    GST_LEAKS_TRACER_SIG: '1',
    GST_DEBUG: 'GST_TRACER:7',
    GST_DEBUG_FILE: log,
    GST_DEBUG_NO_COLOR: '1',
  });
  try {
    const code = await bench.code();
    const alive = async () => {
      const sofar = (await readFile(log, 'utf8')).length;
      // The tracer writes all live objects.
      bench.process.kill('SIGUSR1');
      await pause(2_000);
      return counted([...(await readFile(log, 'utf8')).slice(sofar).matchAll(/object-alive, type-name=\(string\)(\w+)/g)].map(([, type]) => type ?? ''));
    };
    await visits(kind, code, TRACED);
    const first = await atRest(bench);
    const before = await alive();
    await visits(kind, code, TRACED);
    await atRest(bench, { cycles: 0, ...first });
    const after = await alive();
    if (before.size === 0 || after.size === 0) throw new Error('the tracer of leaks says nothing');
    return { before, after, more: grown(before, after).filter(({ more }) => more >= LEAKED) };
  } finally {
    await bench.stop();
    await rm(directory, { recursive: true });
  }
}

// ---- All of it -------------------------------------------------------------------------------------------------

/** @param {number} bytes */
const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);

/** @param {Map<string, number>} counts */
const total = (counts) => [...counts.values()].reduce((sum, count) => sum + count, 0);

const report = new Report('churn');
const results = [];
for (const kind of options.browsers) {
  const processed = await countProcess(kind, report);
  console.error(`${kind}: objects`);
  results.push({ kind, ...processed, objects: await countObjects(kind) });
}

const arenas = process.env['MALLOC_ARENA_MAX'];
report.head(
  `Viewers by code, each to its first picture; of ten, five say good-bye, four only close, one vanishes${arenas === undefined ? '' : `; MALLOC_ARENA_MAX=${arenas}`}`,
);
let failed = false;
for (const { kind, samples, more, objects } of results) {
  console.log(
    table(
      [
        [kind, 'threads', 'descriptors', 'RSS, MiB', 'viewers left'],
        ...samples.map(({ cycles, threads, descriptors, rss, peers }) => [`after ${cycles}`, String(threads), String(descriptors), mib(rss), String(peers)]),
      ],
      1,
    ),
  );
  const [first, last] = /** @type {[Sample, Sample]} */ ([samples[0], samples.at(-1)]);
  const growth = slope(samples.map(({ cycles, rss }) => [cycles, rss]));
  const verdicts = [
    ['viewers left', String(last.peers), 'none', verdict(last.peers, 0)],
    ['threads', `${first.threads} → ${last.threads}`, 'no more', verdict(last.threads, first.threads)],
    ['descriptors', `${first.descriptors} → ${last.descriptors}`, 'no more', verdict(last.descriptors, first.descriptors)],
    [
      'memory for each viewer',
      `${(growth / 1024).toFixed(1)} kB`,
      `${GROWTH / 1024} kB`,
      last.cycles < ENOUGH_FOR_MEMORY ? 'too few viewers to tell' : verdict(growth, GROWTH),
    ],
    [
      `GStreamer objects, ${TRACED} viewers`,
      `${total(objects.before)} → ${total(objects.after)}`,
      `fewer than ${LEAKED} of a type more`,
      verdict(objects.more.length, 0),
    ],
  ];
  failed ||= verdicts.some(([, , , word]) => word === 'FAIL');
  console.log(`\n${table([['from the first to the last line', 'is', 'may be', ''], ...verdicts], 4)}`);
  for (const { name, more: count } of [...more, ...objects.more]) console.log(`  ${count} more: ${name}`);
  console.log('');
}
await report.save({
  samples: results.map(({ kind, samples, more, objects }) => ({ kind, samples, more, moreObjects: objects.more })),
});
process.exitCode = failed ? 1 : 0;
