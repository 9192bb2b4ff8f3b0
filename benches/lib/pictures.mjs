// @ts-check
/** Pictures that carry the time at which they left their source (`benches/paint`), read back in the page. */

import { Page } from '../../tests/browser/harness/page.mjs';

/** @typedef {import('../../tests/browser/harness/browsers.mjs').Browser} Browser */

/** Of each load the first second is left out: encoder, jitter buffer and caches settle. */
const SETTLE = 1_000;
const RECORD = 4_000;

/** Where those are shown who have no page. */
export const PLAIN_PAGE = 'data:text/html,<video id=view autoplay muted playsinline></video>';

/** Runs in the page before its own scripts: waits for the first picture, and reads the time out of every one. */
function watch() {
  const world = /** @type {any} */ (window);
  world.bench = { firstPicture: 0, begun: 0, delays: [], unreadable: 0 };

  // The system's clock, which the pictures carry, moves against the page's.
  const clockOffset = () => {
    const tick = Date.now();
    let now = Date.now();
    while (now === tick) now = Date.now();
    return now - performance.now();
  };

  const start = () => {
    const view = /** @type {HTMLVideoElement | null} */ (document.querySelector('#view'));
    if (view === null) return;
    const [bits, side] = [32, 16];
    const canvas = document.createElement('canvas');
    canvas.width = bits * side;
    canvas.height = side;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
    let offset = NaN;
    const shown = () => {
      const now = performance.now();
      view.requestVideoFrameCallback(shown);
      if (world.bench.firstPicture === 0) {
        world.bench.firstPicture = now;
        offset = clockOffset();
        return;
      }
      pen.drawImage(view, 0, 0, canvas.width, side, 0, 0, canvas.width, side);
      const { data } = pen.getImageData(0, side / 2, canvas.width, 1);
      let painted = 0;
      for (let bit = 0; bit < bits; bit++) painted = painted * 2 + ((data[(bit * side + side / 2) * 4 + 1] ?? 0) > 128 ? 1 : 0);
      const units = Math.round((now + offset) * 10) % 2 ** 32;
      const delay = ((units - painted + 2 ** 32) % 2 ** 32) / 10;
      if (delay < 60_000) world.bench.delays.push({ at: now - world.bench.firstPicture, delay });
      else world.bench.unreadable++;
    };
    view.requestVideoFrameCallback(shown);
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
}

/** @param {Browser} browser @param {string} url */
export async function open(browser, url) {
  const page = new Page(await browser.newPage());
  await page.tab.evaluateOnNewDocument(watch);
  await page.tab.goto(url);
  return page;
}

/** Milliseconds from the beginning of the page, or of what was done in it, to its first picture. @param {Page} page */
export function firstPicture(page) {
  return page.until('the first picture', () => {
    const { firstPicture: at, begun } = /** @type {any} */ (window).bench;
    return at > 0 ? at - begun : 0;
  });
}

/** @param {Page} page @returns {Promise<number[]>} */
export async function delays(page) {
  await page.until('enough pictures', (wanted) => (/** @type {any} */ (window).bench.delays.at(-1)?.at ?? 0) > wanted, SETTLE + RECORD);
  const bench = await page.tab.evaluate(() => /** @type {any} */ (window).bench);
  const settled = bench.delays.filter((/** @type {{at: number}} */ { at }) => at > SETTLE);
  if (bench.unreadable > settled.length / 10) throw new Error(`${bench.unreadable} pictures carry no time`);
  return settled.map((/** @type {{delay: number}} */ { delay }) => delay);
}
