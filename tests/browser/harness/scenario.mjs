// @ts-check
/**
 * What a test gets: benches to start, pages to open, and a browser that the tests of a file share. Everything is closed
 * behind it; if it failed, what the pages showed and what all sides said is kept in tests/browser/artifacts.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Bench } from './bench.mjs';
import { close, launch } from './browsers.mjs';
import { Page } from './page.mjs';
import { ARTIFACTS, KINDS, LIMIT } from './settings.mjs';

/** @typedef {import('./browsers.mjs').Browser} Browser */
/** @typedef {import('./browsers.mjs').Trust} Trust */
/** @typedef {import('./browsers.mjs').More} More */
/** @typedef {import('./settings.mjs').Kind} Kind */

export class Scenario {
  /** @type {Bench[]} */
  #benches = [];
  /** @type {Page[]} */
  #pages = [];
  /** @type {Browser[]} */
  #browsers = [];

  /** @param {Browser} browser the one that the tests of a file share */
  constructor(browser) {
    this.browser = browser;
  }

  // Arrow functions: tests take them out of the scenario.

  /** Starts a bench. @param {string} pipeline @param {import('./bench.mjs').Options} [options] */
  bench = async (pipeline, options) => {
    const bench = await Bench.start(pipeline, options);
    this.#benches.push(bench);
    return bench;
  };

  /**
   * Opens the page: the file, or that of an address.
   * @param {string} [url] @param {Browser} [browser] @param {(page: Page) => Promise<void>} [prepare] done before it is opened
   */
  open = async (url, browser = this.browser, prepare) => {
    const page = await Page.open(browser, url, prepare);
    this.#pages.push(page);
    return page;
  };

  /** Another browser than the shared one. @param {Kind} kind @param {string[]} [flags] @param {More} [more] */
  another = async (kind, flags, more) => {
    const browser = await launch(kind, flags, more);
    this.#browsers.push(browser);
    return browser;
  };

  /** @param {string} name */
  async keepArtifacts(name) {
    const directory = join(ARTIFACTS, name.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 120));
    await mkdir(directory, { recursive: true });
    for (const [number, page] of this.#pages.entries()) {
      await writeFile(join(directory, `page-${number}.log`), page.log.map((line) => `${line}\n`).join(''));
      if (!page.tab.isClosed()) {
        await page.tab.screenshot({ path: /** @type {any} */ (join(directory, `page-${number}.png`)) }).catch(() => {});
      }
    }
    for (const [number, bench] of this.#benches.entries()) {
      await writeFile(join(directory, `bench-${number}.log`), bench.transcript);
    }
  }

  /** Closes everything. Fails if a bench does not end well. */
  async end() {
    const closed = [];
    for (const page of this.#pages) closed.push(await settled(page.close()));
    for (const bench of this.#benches) if (bench.runs) closed.push(await settled(bench.stop()));
    for (const browser of this.#browsers) await settled(close(browser));
    const trouble = closed.find((error) => error !== null);
    if (trouble) throw trouble;
  }
}

/** @param {Promise<void>} promise @returns {Promise<Error | null>} */
const settled = (promise) => promise.then(() => null, (error) => error);

/** @typedef {(name: string, body: (scenario: Scenario) => Promise<void>) => void} Define */

/**
 * Runs the tests that `define` makes in each browser. They share one browser process; each has a page of its own.
 * @param {(scenario: Define, kind: Kind) => void} define
 * @param {{kinds?: Kind[], flags?: string[], trust?: Trust, preferences?: Record<string, unknown>, environment?: Record<string, string>, timeout?: number}} [options]
 */
export function inEachBrowser(
  define,
  { kinds = ['chromium', 'firefox'], flags = [], trust = {}, preferences = {}, environment = {}, timeout = 4 * LIMIT } = {},
) {
  for (const kind of kinds.filter((one) => KINDS.includes(one))) {
    describe(`in ${kind}`, () => {
      /** @type {Browser | undefined} */
      let browser;
      before(async () => {
        browser = await launch(kind, flags, { ...trust, preferences, environment });
      });
      after(async () => {
        await browser?.close();
      });
      define((name, body) => {
        test(name, { timeout }, async ({ signal }) => {
          if (browser === undefined) throw new Error('the browser did not start');
          const scenario = new Scenario(browser);
          let isOver = false;
          // Out of time: nobody waits for the body any more, and a bench that goes on would keep the whole run waiting.
          signal.addEventListener('abort', async () => {
            if (isOver) return;
            await scenario.keepArtifacts(`${kind} ${name}`).catch(() => {});
            await scenario.end().catch(() => {});
          });
          try {
            await body(scenario);
            await scenario.end();
          } catch (error) {
            await scenario.keepArtifacts(`${kind} ${name}`);
            await scenario.end().catch(() => {});
            throw error;
          } finally {
            isOver = true;
          }
        });
      }, kind);
    });
  }
}
