// @ts-check
/**
 * Measures how soon open pages show the picture of a bench that was killed and started again.
 *
 *   node benches/restart.mjs [--quick] [--json DIRECTORY]
 *
 * Two Chromium and one Firefox are connected by code, each with the page from disk. The time runs from the kill to the
 * first picture of the new connection; the bench is started again at once, with the same identity and port.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../tests/browser/harness/browsers.mjs';
import { Page } from '../tests/browser/harness/page.mjs';
import { summary, table, two, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { Program } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */

const ROUNDS = options.quick ? 2 : 8;
/** Seconds, in which every page has to be back. */
const TARGET = 5;

/** In browsers of their own: a tab in the background is not shown and not in a hurry. */
const VIEWERS = /** @type {Kind[]} */ (['chromium', 'chromium', 'firefox']).filter((kind) => options.browsers.includes(kind));

/** Runs in the page: remembers when the first picture comes of a stream that is not there yet. */
function awaitNewPicture() {
  const world = /** @type {any} */ (window);
  const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
  const before = view.srcObject;
  world.newPictureAt = 0;
  const shown = () => {
    const isNew = view.srcObject !== null && view.srcObject !== before;
    if (isNew) world.newPictureAt = performance.timeOrigin + performance.now();
    else view.requestVideoFrameCallback(shown);
  };
  view.requestVideoFrameCallback(shown);
}

const report = new Report('restart');
const directory = await mkdtemp(join(tmpdir(), 'periscope-restart-'));
const identity = `identity=${join(directory, 'identity.json')}`;
let bench = Program.bench(identity);
const port = /:(\d+)\//.exec(await bench.page())?.[1];
const code = await bench.code();

/** @type {{kind: Kind, name: string, page: Page, seconds: number[]}[]} */
const viewers = [];
/** @type {import('../tests/browser/harness/browsers.mjs').Browser[]} */
const browsers = [];
try {
  for (const [i, kind] of VIEWERS.entries()) {
    const browser = await launch(kind);
    browsers.push(browser);
    await report.uses(kind, browser);
    const page = await Page.open(browser, undefined);
    await page.code('offer');
    await page.enter(code);
    await page.picture();
    viewers.push({ kind, name: `${kind} ${i + 1}`, page, seconds: [] });
  }

  for (let round = 1; round <= ROUNDS; round++) {
    for (const { page } of viewers) {
      await page.moreFrames(30);
      await page.tab.evaluate(awaitNewPicture);
    }
    const killedAt = Date.now();
    await bench.end();
    bench = Program.bench(`${identity} port=${port}`);
    await Promise.all(
      viewers.map(async ({ page, seconds }) => {
        const at = await page.until('a new picture', () => /** @type {any} */ (window).newPictureAt);
        seconds.push((at - killedAt) / 1000);
      }),
    );
    console.error(`round ${round}: ${viewers.map(({ seconds }) => two(seconds.at(-1) ?? NaN)).join(', ')} s`);
  }
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await bench.end();
  await rm(directory, { recursive: true });
}

report.head(`From the end of the bench to its picture after the restart, ${viewers.length} pages at once; seconds`);
console.log(
  table(
    [
      ['page', 'n', 'median', 'min', '25 %', '75 %', 'max', 'target', ''],
      ...viewers.map(({ name, seconds }) => {
        const { n, median, min, p25, p75, max } = summary(seconds);
        return [name, String(n), ...[median, min, p25, p75, max].map(two), `max ≤ ${TARGET}`, verdict(max, TARGET)];
      }),
    ],
    1,
  ),
);
await report.save({ rounds: ROUNDS, target: TARGET, viewers: viewers.map(({ name, seconds }) => ({ name, seconds, ...summary(seconds) })) });
process.exitCode = viewers.every(({ seconds }) => summary(seconds).max <= TARGET) ? 0 : 1;
