// @ts-check
/** What benches in tests show and sound like, and what must be seen and heard of it. */

import assert from 'node:assert/strict';

/** Colour bars with a patch of noise: small, because the machine has other things to do. */
export const BARS_SOURCE = 'videotestsrc is-live=true pattern=smpte ! video/x-raw,width=320,height=240,framerate=30/1';
export const BARS = `${BARS_SOURCE} ! p.`;

/** What messages of text are. */
export const TEXT = 'text/x-raw,format=utf8';

const PITCH = 440;
const LEVEL = 0.5;

export const BARS_AND_TONE = `${BARS} audiotestsrc is-live=true freq=${PITCH} volume=${LEVEL} ! p.`;

/** A picture of one colour. @param {number} argb @param {string} [size] caps fields */
export const plain = (argb, size = 'width=320,height=240') =>
  `videotestsrc is-live=true pattern=solid-color foreground-color=${argb} ! video/x-raw,${size},framerate=30/1 ! p.`;

/** The seven bars from left to right, each channel bright (1) or dark (0). */
const BAR_COLOURS = ['111', '110', '011', '010', '101', '100', '001'];

/** A channel is bright or dark; in between it is neither, which no saturated colour is. @param {number[]} colour */
export const named = (colour) => colour.map((channel) => (channel > 150 ? '1' : channel < 100 ? '0' : '?')).join('');

/** Where each of the bars is looked at. @type {[number, number][]} */
const ON_THE_BARS = BAR_COLOURS.map((_, i) => [(i + 0.5) / BAR_COLOURS.length, 0.3]);

/** How many pictures later those are looked at again that were not right at once. */
const LATER = 10;

/**
 * Waits for a moving picture of the colour bars. Whether pictures are right from the first one on is what
 * `seesWholePictures` asks.
 * @param {import('./page.mjs').Page} page
 */
export async function seesBars(page) {
  await page.picture();
  let bars = await page.colours(ON_THE_BARS);
  if (bars.map(named).join() !== BAR_COLOURS.join()) {
    page.log.push(`test: the colours are ${JSON.stringify(bars)}`);
    await page.moreFrames(LATER);
    bars = await page.colours(ON_THE_BARS);
  }
  assert.deepEqual(bars.map(named), BAR_COLOURS, `the colours are ${JSON.stringify(bars)}`);
  // The noise at the lower right is never the same twice.
  const noise = () => page.colours([[0.8, 0.85], [0.85, 0.9], [0.9, 0.95]]);
  const before = JSON.stringify(await noise());
  await page.moreFrames(2);
  assert.notEqual(JSON.stringify(await noise()), before, 'the picture stands still');
}

/**
 * Asks of all pictures that `page.watchColours` has seen whether they are the colour bars.
 * @param {import('./page.mjs').Page} page
 * @param {number} least so many pictures there have to be
 */
export async function seesWholePictures(page, least) {
  const pictures = await page.watchedColours(least);
  for (const [number, bars] of pictures.entries()) {
    assert.deepEqual(bars.map(named), BAR_COLOURS, `of ${pictures.length} pictures number ${number} has ${JSON.stringify(bars)}`);
  }
}

/** Has the bars of all pictures watched, from the first one on: for `open`. @param {import('./page.mjs').Page} page */
export const watchBars = (page) => page.watchColours(ON_THE_BARS);

/** Waits for a moving picture of the colour bars and for the tone. @param {import('./page.mjs').Page} page */
export async function seesBarsAndHearsTone(page) {
  await seesBars(page);
  await page.sound(PITCH, LEVEL);
}

// ---- Texts on their way --------------------------------------------------------------------------------------

/** @param {string} base64 @returns {{type: 'offer' | 'answer', sdp: string}} */
export const decoded = (base64) => JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));

/** @param {{type: string, sdp: string}} description */
export const encoded = (description) => Buffer.from(JSON.stringify(description)).toString('base64');

/** As mail programs do. @param {string} text @param {number} [column] */
export const wrapped = (text, column = 76) => text.replace(new RegExp(`.{${column}}(?=.)`, 'g'), '$&\n');

/** @param {string} text */
export const quoted = (text) => text.replace(/^/gm, '> ');

/** @param {string} text */
export const withCrlf = (text) => text.replace(/\r?\n/g, '\r\n');

/** As word processors do. @param {string} text */
export const withSmartQuotes = (text) => {
  let open = false;
  return text.replace(/(?<!\\)"/g, () => ((open = !open) ? '“' : '”'));
};
