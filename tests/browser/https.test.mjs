// @ts-check
/** The page by https: with a browser that takes the bench's certificate, with one that does not, and with a person's exception. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { BARS, BARS_AND_TONE, seesBars, seesBarsAndHearsTone } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { LIMIT } from './harness/settings.mjs';

/** @typedef {import('./harness/page.mjs').Page} Page */

/** How often a browser is asked, in milliseconds. */
const POLL = 200;

const TRUSTING = { acceptInsecureCerts: true };

/** What browsers call a certificate that nobody else vouches for. */
const REFUSED = /ERR_CERT_AUTHORITY_INVALID|MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT|SEC_ERROR_UNKNOWN_ISSUER/;

/** Pages from an insecure origin have no media devices at all. @param {Page} page */
const rights = (page) =>
  page.tab.evaluate(() => ({ isSecure: isSecureContext, hasDevices: typeof navigator.mediaDevices?.getUserMedia === 'function' }));

/** @param {string} url */
const isLoopback = (url) => /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname);

/** SHA-256 of the certificate that is shown at an address, as `AB:CD:…`. @param {string} url @returns {Promise<string>} */
function shownAt(url) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname.replace(/[[\]]/g, ''), port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

inEachBrowser(
  (scenario, kind) => {
    scenario('the address by https shows picture and sound, and the page may use the microphone', async ({ bench, open }) => {
      const p = await bench(BARS_AND_TONE);
      const url = await p.secureUrl();
      const page = await open(url);
      await page.state('connected');
      await seesBarsAndHearsTone(page);
      assert.deepEqual(await rights(page), { isSecure: true, hasDevices: true });
      // One session, which ended by https as it began.
      await page.close();
      await p.peer('closed');
      assert.deepEqual(await p.peers(), ['nobody is there']);
    });

    scenario('pages by http and by https watch the same bench at the same time', async ({ bench, open }) => {
      const p = await bench(BARS);
      const [http, https] = [await p.url(), await p.secureUrl()];
      assert.equal(https, http.replace('http:', 'https:'));
      const secure = await open(https);
      await secure.moreFrames();
      const insecure = await open(http);
      await insecure.moreFrames();
      await p.viewers(2);
      if (!isLoopback(http)) assert.deepEqual(await rights(insecure), { isSecure: false, hasDevices: false });
      await secure.tab.bringToFront();
      await secure.moreFrames();
    });

    scenario('a code behind the address by https connects', async ({ bench, open }) => {
      const p = await bench(BARS);
      const page = await open((await p.secureUrl()).replace(/#.*/, `#${await p.code()}`));
      await page.state('connected');
      await seesBars(page);
    });

    scenario('a wrong key by https gets words', async ({ bench, open }) => {
      const p = await bench(BARS);
      const page = await open((await p.secureUrl()).replace(/#.*/, '#notthekey'));
      await page.state('failed');
      await page.sentence(/does not accept the key/);
    });

    scenario('a browser that refuses the certificate leaves the bench and its viewers alone', async ({ bench, open, another }) => {
      const p = await bench(BARS);
      const url = await p.secureUrl();
      const page = await open(url);
      await page.moreFrames();
      const careful = await another(kind);
      for (let i = 0; i < 3; i++) {
        const tab = await careful.newPage();
        await assert.rejects(tab.goto(url), REFUSED);
        await tab.close();
      }
      await page.tab.bringToFront();
      await page.moreFrames(30);
      await page.state('connected');
      await seesBars(await open(url));
      // By http, who is that careful may watch all the same.
      await seesBars(await open(await p.url(), careful));
      await p.viewers(3);
    });

    scenario('the console tells the fingerprint of the certificate that browsers see', async ({ bench }) => {
      const p = await bench(BARS);
      const shown = await shownAt(await p.secureUrl());
      assert.ok((await p.says('note')).endsWith(`sha-256 ${shown}`), shown);
    });
  },
  { trust: TRUSTING },
);

/** What a person presses in the warning, as the README tells. @type {Record<import('./harness/settings.mjs').Kind, [string, string]>} */
const WAY_ON = {
  chromium: ['#details-button', '#proceed-link'],
  // New and old.
  firefox: ['#advanced-button, #advancedButton', '#exception-button, #exceptionDialogButton'],
};

/**
 * Makes an exception for the certificate at an address, in a tab of its own.
 * @param {import('./harness/browsers.mjs').Browser} browser
 * @param {string} url
 * @param {[string, string]} buttons
 */
async function makeException(browser, url, [advanced, proceed]) {
  const tab = await browser.newPage();
  await assert.rejects(tab.goto(url), REFUSED);
  /** @param {string} selector */
  const press = (selector) =>
    tab.evaluate((wanted) => {
      const shadows = [...document.querySelectorAll('*')].flatMap((element) => element.shadowRoot ?? []);
      const shown = [document, ...shadows].flatMap((place) => [...place.querySelectorAll(wanted)]);
      const button = /** @type {HTMLElement | undefined} */ (shown.find((one) => one.checkVisibility()));
      button?.click();
      return button !== undefined;
    }, selector);
  const until = performance.now() + LIMIT;
  // Asked from here: nothing that waits may be put into the browser's own page. While that comes and goes there is
  // nobody to ask.
  /** @param {() => Promise<boolean>} isDone */
  const repeat = async (isDone) => {
    while (!(await isDone().catch(() => false))) {
      if (performance.now() > until) throw new Error(`after ${LIMIT} ms the tab is at ${tab.url()}`);
      await pause(POLL);
    }
  };
  await repeat(() => press(advanced));
  // Firefox's button does nothing before the browser has looked at the certificate.
  await repeat(async () => (await tab.title()).startsWith('Periscope') || ((await press(proceed)), false));
  await tab.close();
}

inEachBrowser((scenario, kind) => {
  scenario('an exception that a person made outlives a restart of the bench', async ({ bench, browser, open }) => {
    const directory = await mkdtemp(join(tmpdir(), 'periscope-'));
    try {
      const settings = { identity: join(directory, 'identity.json'), key: 'the-same-key' };
      const first = await bench(BARS, { settings });
      const url = await first.secureUrl();
      await makeException(browser, url, WAY_ON[kind]);
      const page = await open(url);
      await page.state('connected');
      await seesBars(page);
      await first.kill();
      await page.state('reconnecting');

      // What follows asks nobody.
      await bench(BARS, { settings: { ...settings, port: new URL(url).port } });
      await page.state('connected');
      await seesBars(page);
      await page.tab.reload();
      await page.state('connected');
      assert.deepEqual(await rights(page), { isSecure: true, hasDevices: true });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
