// @ts-check
/** Messages that a page sends to the bench, and that come straight back. */

import { Page } from '../../tests/browser/harness/page.mjs';

/** @typedef {import('../../tests/browser/harness/browsers.mjs').Browser} Browser */

/** What the channel is called that returns what it gets. */
export const LABEL = 'data_0';

/** Runs in the page before its own scripts: keeps the channel. @param {string} label */
function keep(label) {
  const world = /** @type {any} */ (window);
  world.RTCPeerConnection = class extends RTCPeerConnection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      this.addEventListener('datachannel', ({ channel }) => {
        if (channel.label === label) world.echo = channel;
      });
    }
  };
  world.bench = {};
}

/** @param {Browser} browser @param {string} url */
export async function open(browser, url) {
  const page = new Page(await browser.newPage());
  await page.tab.evaluateOnNewDocument(keep, LABEL);
  await page.tab.goto(url);
  return page;
}

/** The channel is there, and takes what is sent. @param {Page} page */
export const isOpen = (page) => page.until('the channel', () => /** @type {any} */ (window).echo?.readyState === 'open');

/**
 * Milliseconds for one message there and back: means of so many, because a browser's clock is too coarse for one. Each is
 * sent a while after the one before was back: Periscope sends lines that follow each other closely together.
 * @param {Page} page @param {{bytes: number, gap: number, each: number, samples: number}} load
 * @returns {Promise<number[]>}
 */
export const roundTrips = (page, load) =>
  page.tab.evaluate(async ({ bytes, gap, each, samples }) => {
    /** @type {RTCDataChannel} */
    const channel = /** @type {any} */ (window).echo;
    const message = 'x'.repeat(bytes);
    const times = [];
    for (let sample = 0; sample < samples; sample++) {
      let all = 0;
      for (let number = 0; number < each; number++) {
        await new Promise((resolve) => setTimeout(resolve, gap));
        const back = new Promise((resolve) => channel.addEventListener('message', resolve, { once: true }));
        const begun = performance.now();
        channel.send(message);
        await back;
        all += performance.now() - begun;
      }
      times.push(all / each);
    }
    return times;
  }, load);

/**
 * Mbit/s of messages that come back while so many are under way.
 * @param {Page} page @param {{bytes: number, underWay: number, seconds: number}} load
 */
export const throughput = (page, load) =>
  page.tab.evaluate(
    ({ bytes, underWay, seconds }) =>
      new Promise((resolve) => {
        /** @type {RTCDataChannel} */
        const channel = /** @type {any} */ (window).echo;
        channel.binaryType = 'arraybuffer';
        const message = 'x'.repeat(bytes);
        const begun = performance.now();
        let [sent, back] = [0, 0];
        const fill = () => {
          for (; sent - back / bytes < underWay; sent++) channel.send(message);
        };
        const take = (/** @type {MessageEvent} */ { data }) => {
          // A batch of Periscope's has a few bytes more than its messages.
          back += typeof data === 'string' ? data.length : Math.floor(data.byteLength / bytes) * bytes;
          const elapsed = (performance.now() - begun) / 1000;
          if (elapsed < seconds) return fill();
          channel.removeEventListener('message', take);
          resolve((back * 8) / 1e6 / elapsed);
        };
        channel.addEventListener('message', take);
        fill();
      }),
    load,
  );
