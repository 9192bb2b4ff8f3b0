// @ts-check
/** Codes: pasted, or in the address of the page, they connect, and nothing has to be carried back. */

import assert from 'node:assert/strict';
import { changedCode, readCode } from './harness/codes.mjs';
import { BARS, BARS_AND_TONE, seesBars, seesBarsAndHearsTone } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const INSTRUMENT = 'fdsrc fd=3 ! text/x-raw,format=utf8 ! p.data_0 p.data_src_0 ! fdsink fd=4';

/**
 * The ways in which a person may bring a code to the page.
 * @type {Record<string, (open: import('./harness/scenario.mjs').Scenario['open'], code: string, url: string) => Promise<import('./harness/page.mjs').Page>>}
 */
const WAYS = {
  'pasted into the page from a file': async (open, code) => {
    const page = await open();
    await page.paste(code);
    return page;
  },
  'behind the address of the page from a file': (open, code) => open(`${FILE_URL}#${code}`),
  'behind the address of the page that the bench serves': (open, code, url) => open(url.replace(/#.*/, `#${code}`)),
  'as a line of the console, whole': async (open, code) => {
    const page = await open();
    await page.enter(`periscope: code ${code}`);
    return page;
  },
};

/** The page with a script of somebody else's that gets hold of its data channels. @param {import('./harness/page.mjs').Page} page */
function withIntruder(page) {
  return page.tab.evaluateOnNewDocument(() => {
    const world = /** @type {any} */ (window);
    world.testChannels = [];
    world.RTCPeerConnection = class extends RTCPeerConnection {
      /** @param {RTCConfiguration} configuration */
      constructor(configuration) {
        super(configuration);
        this.addEventListener('datachannel', ({ channel }) => world.testChannels.push(channel));
      }
    };
  });
}

inEachBrowser((scenario) => {
  for (const [way, come] of Object.entries(WAYS)) {
    scenario(`a code connects with picture, sound and data, ${way}`, async ({ bench, open }) => {
      const p = await bench(`${BARS_AND_TONE} ${INSTRUMENT}`);
      const page = await come(open, await p.code('control'), await p.url());
      await page.state('connected');
      await seesBarsAndHearsTone(page);
      assert.match(await page.command('MEAS:VOLT? µ'), /Sent to data_0/);
      assert.equal((await p.output.take(13)).toString(), 'MEAS:VOLT? µ');
      p.feed('+3.3012E+00\n');
      await page.logged(/^\+3\.3012E\+00$/);
      assert.match((await p.peers()).join(), /^1 connected for \d+ s, video_0 (H\.264|VP8), audio_0 Opus$/);
    });
  }

  scenario('a code works without a page server, and again after a reload', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open(`${FILE_URL}#${await p.code()}`);
    await seesBars(page);
    await page.tab.reload();
    await p.peer('closed');
    await seesBars(page);
    assert.equal((await p.viewers(1)).length, 1);
  });

  scenario('the code that is printed at the start is for watching', async ({ bench, open }) => {
    const p = await bench(`${BARS} ${INSTRUMENT}`);
    const code = await p.code();
    assert.equal(readCode(code).control, false);
    const page = await open(`${FILE_URL}#${code}`);
    await page.moreFrames();
    p.feed('VOLT 3.300\n');
    await page.logged(/^VOLT 3\.300$/);
    await page.until('words about the command line', () => {
      const field = /** @type {HTMLInputElement} */ (document.querySelector('#command'));
      const button = /** @type {HTMLButtonElement} */ (document.querySelector('#send'));
      const note = document.querySelector('#command-note')?.textContent ?? '';
      return field.disabled && button.disabled && /You may watch, not send/.test(note);
    });
  });

  for (const [who, disguise] of /** @type {[string, (code: string) => string][]} */ ([
    ['a script in the page', (code) => code],
    ['a script in a page whose code claims more', (code) => changedCode(code, { control: true })],
  ])) {
    scenario(`nothing that ${who} sends by a code for watching reaches an instrument`, async ({ bench, open }) => {
      const p = await bench(`${BARS} ${INSTRUMENT}`);
      const page = await open('about:blank');
      await withIntruder(page);
      await page.tab.goto(`${FILE_URL}#${disguise(await p.code())}`);
      await page.moreFrames();
      await page.until('an open channel', () => /** @type {any} */ (window).testChannels.some((/** @type {RTCDataChannel} */ one) => one.readyState === 'open'));
      assert.equal(await page.tab.$eval('#command', (field) => /** @type {HTMLInputElement} */ (field).disabled), true);
      await page.tab.evaluate(() => {
        for (const channel of /** @type {any} */ (window).testChannels) {
          channel.send('intruder');
          channel.send(new Uint8Array([1, 2, 3]));
        }
      });
      await page.until('words of the bench', () => /your code is for watching/.test(document.body.innerText));
      const owner = await open(`${FILE_URL}#${await p.code('control')}`);
      await owner.command('*IDN?');
      assert.equal((await p.output.take(5)).toString(), '*IDN?');
      await page.close();
    });
  }

  for (const [what, addresses] of /** @type {[string, (good: string[]) => string[]][]} */ ([
    ['an address where nobody is, then the right one', (good) => ['192.0.2.177', ...good]],
    ['the right address, then one where nobody is', (good) => [...good, '198.51.100.1']],
  ])) {
    scenario(`a code connects that has ${what}`, async ({ bench, open }) => {
      const p = await bench(BARS);
      const code = await p.code();
      const page = await open(`${FILE_URL}#${changedCode(code, { addresses: addresses(readCode(code).addresses) })}`);
      await page.state('connected');
      await seesBars(page);
    });
  }

  scenario('a code whose addresses have all changed connects on the page that the bench serves', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = changedCode(await p.code(), { addresses: ['192.0.2.177'], others: Buffer.of() });
    await seesBars(await open((await p.url()).replace(/#.*/, `#${code}`)));
  });

  scenario('a code connects by its IPv6 address alone', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code();
    if (readCode(code).others.length === 0) return;
    await seesBars(await open(`${FILE_URL}#${changedCode(code, { addresses: [] })}`));
  });
});
