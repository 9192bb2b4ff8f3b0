// @ts-check
/** Real browsers without a window, each with a fresh profile, driven by WebDriver BiDi or the DevTools protocol. */

import { createRequire } from 'node:module';
import { EXECUTABLES } from './settings.mjs';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));
/** @type {typeof import('../../../web/node_modules/puppeteer-core/lib/types.js')} */
const { launch: launchWith } = require(/** @type {string} */ ('puppeteer-core'));

/** @typedef {import('../../../web/node_modules/puppeteer-core/lib/types.js').Browser} Browser */
/** @typedef {import('../../../web/node_modules/puppeteer-core/lib/types.js').Page} Tab */
/** @typedef {import('./settings.mjs').Kind} Kind */

const CHROMIUM_FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** @type {Record<string, unknown>} */
const FIREFOX_PREFERENCES = {
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // For the benchmark: times to the microsecond.
  'privacy.reduceTimerPrecision': false,
};

/**
 * @typedef {object} Trust
 * @property {boolean} [acceptInsecureCerts] takes any certificate, as if a person had made an exception for it
 */

/**
 * @typedef {Trust & {preferences?: Record<string, unknown>, environment?: Record<string, string>}} More
 * preferences: more of them, for Firefox
 */

/**
 * @param {Kind} kind
 * @param {string[]} [flags] more flags, for Chromium
 * @param {More} [more]
 * @returns {Promise<Browser>}
 */
export function launch(kind, flags = [], { preferences = {}, environment = {}, ...trust } = {}) {
  const env = { ...process.env, ...environment };
  if (kind === 'firefox') {
    return launchWith({
      ...trust,
      env,
      browser: 'firefox',
      executablePath: EXECUTABLES.firefox,
      headless: true,
      extraPrefsFirefox: { ...FIREFOX_PREFERENCES, ...preferences },
    });
  }
  // Chromium's sandbox does not work for root; for everybody else it stays on.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return launchWith({
    ...trust,
    env,
    browser: 'chrome',
    executablePath: EXECUTABLES.chromium,
    headless: true,
    args: [...CHROMIUM_FLAGS, ...sandbox, ...flags],
  });
}

/** Ends a browser the hard way: no page gets to say good-bye. @param {Browser} browser */
export async function kill(browser) {
  const child = browser.process();
  if (child?.pid === undefined) throw new Error('the browser has no process');
  const gone = new Promise((resolve) => child.once('exit', resolve));
  // Puppeteer makes each browser the leader of a group, which holds its helpers, too.
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

/** Ends a browser, unless it was killed. @param {Browser} browser */
export async function close(browser) {
  const child = browser.process();
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  await browser.close();
}
