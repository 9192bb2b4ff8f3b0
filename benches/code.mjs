// @ts-check
/**
 * Measures how soon a viewer who has a code is connected and sees a picture.
 *
 *   node benches/code.mjs [--quick] [--json DIRECTORY] [--browsers chromium,firefox]
 *
 * The page is opened from disk, before the clock starts: the times run in the page, from the moment at which the text is
 * handed over as by the button. The same page and pipeline by address (WHEP) run in turn with it, with the one port for
 * all and with an ICE agent for each viewer (`ice=full`, libnice).
 */

import { setTimeout as pause } from 'node:timers/promises';
import { launch } from '../tests/browser/harness/browsers.mjs';
import { FILE_URL, Page } from '../tests/browser/harness/page.mjs';
import { ms, summary, table, two, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { Program } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/browsers.mjs').Browser} Browser */
/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {'code' | 'address' | 'full'} Way */
/** @typedef {{connected: number, picture: number}} Times */
/** @typedef {{browser: Kind, case: Case, way: Way, times: Times[]}} Series */

/** How often everything is done: viewers of a bench that has had some, and starts of a bench. */
const TIMES = options.quick ? { warm: 4, starts: 2 } : { warm: 20, starts: 9 };

/** In milliseconds, for medians by code. */
const TARGETS = { connected: 40, picture: 100, first: 250 };

/** @type {Record<Way, {words: string, properties: string, text: (bench: Program) => Promise<string>}>} */
const WAYS = {
  code: { words: 'code', properties: '', text: (bench) => bench.code() },
  address: { words: 'WHEP', properties: '', text: (bench) => bench.page() },
  full: { words: 'WHEP, ice=full', properties: 'ice=full', text: (bench) => bench.page() },
};
const ways = /** @type {Way[]} */ (Object.keys(WAYS));

/** @typedef {'warm' | 'first' | 'hasty'} Case */
/** @type {Record<Case, {words: string, wait: number, targets: Partial<Times>}>} */
const CASES = {
  warm: { words: 'later viewer', wait: 0, targets: { connected: TARGETS.connected, picture: TARGETS.picture } },
  // A person has yet to copy the code.
  first: { words: 'first viewer, 2 s after the code', wait: 2_000, targets: { picture: TARGETS.first } },
  hasty: { words: 'first viewer, at once', wait: 0, targets: {} },
};

// ---- What happens in the page ----------------------------------------------------------------------------------

/** Runs in the page before its own scripts. */
function watch() {
  const world = /** @type {any} */ (window);
  world.bench = { begun: 0, connected: 0, picture: 0 };
  document.addEventListener('DOMContentLoaded', () => {
    const status = /** @type {HTMLElement} */ (document.querySelector('#status'));
    const look = () => {
      if (status.dataset['state'] === 'connected') world.bench.connected ||= performance.now() - world.bench.begun;
    };
    new MutationObserver(look).observe(status, { attributes: true });
    const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
    view.requestVideoFrameCallback(() => {
      world.bench.picture = performance.now() - world.bench.begun;
    });
  });
}

/** A page that has nothing left to do. @param {Browser} browser */
async function ready(browser) {
  const page = new Page(await browser.newPage());
  await page.tab.evaluateOnNewDocument(watch);
  await page.tab.goto(FILE_URL);
  await page.code('offer');
  return page;
}

/** @param {Page} page @param {string} text @returns {Promise<Times>} */
async function handOver(page, text) {
  await page.tab.evaluate((code) => {
    /** @type {HTMLTextAreaElement} */ (document.querySelector('#code-in')).value = code;
    /** @type {any} */ (window).bench.begun = performance.now();
    /** @type {HTMLButtonElement} */ (document.querySelector('#connect')).click();
  }, text);
  return page.until('connection and picture', () => {
    const { connected, picture } = /** @type {any} */ (window).bench;
    return connected > 0 && picture > 0 ? { connected, picture } : /** @type {any} */ (null);
  });
}

// ---- The measurements ------------------------------------------------------------------------------------------

/**
 * Viewers of benches that have had some before, by each way in turn.
 * @param {Browser} browser
 * @param {number} count for each way
 */
async function later(browser, count) {
  const lite = Program.bench();
  const full = Program.bench(WAYS.full.properties);
  const benches = { code: lite, address: lite, full };
  const texts = { address: await lite.page(), code: await lite.code(), full: await full.page() };
  /** @type {Record<Way, Times[]>} */
  const times = { code: [], address: [], full: [] };
  for (let i = -1; i < count; i++) {
    for (const way of ways) {
      const page = await ready(browser);
      const measured = await handOver(page, texts[way]);
      // The first round warms up.
      if (i >= 0) times[way].push(measured);
      await page.close();
      await benches[way].says(/^periscope: (peer \d+ closed)/);
    }
  }
  await Promise.all([lite.end(), full.end()]);
  return times;
}

/** The first viewer of a bench that has just been started. @param {Browser} browser @param {Way} way @param {number} wait */
async function first(browser, way, wait) {
  const page = await ready(browser);
  const bench = Program.bench(WAYS[way].properties);
  const text = await WAYS[way].text(bench);
  await pause(wait);
  const times = await handOver(page, text);
  await page.close();
  await bench.end();
  return times;
}

// ---- All of it -------------------------------------------------------------------------------------------------

const report = new Report('code');
/** @type {Series[]} */
const series = [];
for (const kind of options.browsers) {
  const browser = await launch(kind);
  await report.uses(kind, browser);
  console.error(`${kind}: the browser warms up`);
  await later(browser, 1);

  console.error(`${kind}: later viewers`);
  const times = await later(browser, TIMES.warm);
  for (const way of ways) series.push({ browser: kind, case: 'warm', way, times: times[way] });

  for (const name of /** @type {const} */ (['first', 'hasty'])) {
    console.error(`${kind}: ${CASES[name].words}`);
    const ofThese = ways.map((way) => ({ browser: kind, case: name, way, times: /** @type {Times[]} */ ([]) }));
    for (let i = 0; i < TIMES.starts; i++) {
      for (const { way, times: measured } of ofThese) measured.push(await first(browser, way, CASES[name].wait));
    }
    series.push(...ofThese);
  }
  await browser.close();
}

let failed = false;
report.head('From the text in the page, opened from disk, to connection and first picture. 640×480, 30 pictures/s; milliseconds');
for (const what of /** @type {const} */ (['connected', 'picture'])) {
  console.log(
    `${table([
      [what === 'picture' ? 'first picture' : what, 'browser', 'by', 'n', 'median', 'min', '25 %', '75 %', 'max', 'target', ''],
      ...series.map(({ browser, case: name, way, times }) => {
        const { n, median, min, p25, p75, max } = summary(times.map((one) => one[what]));
        const target = way === 'code' ? CASES[name].targets[what] : undefined;
        const judged = target === undefined ? ['', ''] : [`≤ ${target}`, verdict(median, target)];
        failed ||= judged.includes('FAIL');
        return [CASES[name].words, browser, WAYS[way].words, String(n), ...[median, min, p25, p75, max].map(ms), ...judged];
      }),
    ])}\n`,
  );
}

// A rival's run follows each of ours, so that what else the machine does weighs on both.
const ratios = series
  .filter(({ way }) => way === 'code')
  .flatMap((ours) =>
    (/** @type {const} */ (['address', 'full'])).flatMap((way) => {
      const theirs = series.find((one) => one.way === way && one.browser === ours.browser && one.case === ours.case)?.times ?? [];
      return (/** @type {const} */ (['connected', 'picture'])).map((what) => ({
        browser: ours.browser,
        case: ours.case,
        what,
        way,
        ...summary(ours.times.map((times, i) => times[what] / (theirs[i]?.[what] ?? NaN))),
      }));
    }),
  );
console.log('By code as a part of the rival’s, of runs that followed each other\n');
console.log(
  table(
    [
      ['ratio', '', 'browser', 'to', 'pairs', 'median', 'min', '25 %', '75 %', 'max'],
      ...ratios.map(({ browser, case: name, what, way, n, median, min, p25, p75, max }) => [
        CASES[name].words,
        what === 'picture' ? 'first picture' : what,
        browser,
        WAYS[way].words,
        String(n),
        ...[median, min, p25, p75, max].map(two),
      ]),
    ],
    4,
  ),
);
await report.save({ times: TIMES, targets: TARGETS, series, ratios });
process.exitCode = failed ? 1 : 0;
