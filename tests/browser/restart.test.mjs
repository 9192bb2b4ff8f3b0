// @ts-check
/** Pages that the bench has lost, or that have lost the bench, come back by themselves, whatever way they came. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCode } from './harness/codes.mjs';
import { named, plain } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { KINDS } from './harness/settings.mjs';

/** @typedef {{argb: number, name: string}} Colour */

/** Each start shows another colour: by it a picture is known to be new. */
const RED = { argb: 0xffff0000, name: '100' };
const GREEN = { argb: 0xff00ff00, name: '010' };
const BLUE = { argb: 0xff0000ff, name: '001' };

/** @param {import('./harness/page.mjs').Page} page @param {Colour} colour */
async function shows(page, colour) {
  await page.tab.bringToFront();
  await page.state('connected');
  await page.picture();
  assert.deepEqual((await page.colours([[0.5, 0.5]])).map(named), [colour.name]);
}

/**
 * A bench that can be started again as the same one.
 * @param {import('./harness/scenario.mjs').Scenario['bench']} bench
 * @param {(restart: (colour: Colour) => Promise<import('./harness/bench.mjs').Bench>) => Promise<void>} use
 */
async function withIdentity(bench, use) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-'));
  let port = 0;
  try {
    await use(async (colour) => {
      const p = await bench(plain(colour.argb), { settings: { identity: join(directory, 'identity.json'), port, key: 'the-same-key' } });
      ({ port } = readCode(await p.code()));
      return p;
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** One page for each way in. @param {import('./harness/bench.mjs').Bench} p */
const addresses = async (p) => {
  const [code, url] = [await p.code(), await p.url()];
  return [`${FILE_URL}#${code}`, url.replace(/#.*/, `#${code}`), url];
};

inEachBrowser((scenario) => {
  scenario('all pages come back after a power cut at the bench, and after another one', ({ bench, open }) =>
    withIdentity(bench, async (start) => {
      const first = await start(RED);
      const pages = [];
      for (const url of await addresses(first)) {
        const page = await open(url);
        await shows(page, RED);
        pages.push(page);
      }
      await first.viewers(3);
      await first.kill();

      const second = await start(GREEN);
      // Also those that are out of sight: nobody looks at them until all are there.
      await second.viewers(3);
      for (const page of pages) await shows(page, GREEN);
      await second.kill();

      const third = await start(BLUE);
      await third.viewers(3);
      for (const page of pages) await shows(page, BLUE);
    }));

  scenario('all pages come back to a bench that was stopped in good order', ({ bench, open }) =>
    withIdentity(bench, async (start) => {
      const first = await start(RED);
      const pages = [];
      for (const url of await addresses(first)) {
        const page = await open(url);
        await shows(page, RED);
        pages.push(page);
      }
      await first.stop();
      const second = await start(GREEN);
      await second.viewers(3);
      for (const page of pages) await shows(page, GREEN);
    }));

  scenario('a page that hung until the bench gave it up comes back', async ({ bench, open }) => {
    const p = await bench(plain(RED.argb));
    const page = await open(`${FILE_URL}#${await p.code()}`);
    await shows(page, RED);
    // While a dialog is open nothing in the page goes on; the browser itself answers the network all the time.
    const dialog = new Promise((resolve) => page.tab.once('dialog', resolve));
    await page.tab.evaluate(() => void setTimeout(() => alert('out for lunch')));
    const opened = /** @type {{accept: () => Promise<void>}} */ (await dialog);
    await p.stdout.line(/peer 1 closed: the page has gone silent/);
    await opened.accept();
    await page.until('another session', () => /as peer 2/.test(document.querySelector('#status')?.textContent ?? ''));
    await shows(page, RED);
  });

  for (const [number, way] of ['by code, from a file', 'by code, served by the bench', 'by the address with its key'].entries()) {
    scenario(`a page comes back to a bench that was away for longer (${way})`, ({ bench, open }) =>
      withIdentity(bench, async (start) => {
        const first = await start(RED);
        const page = await open((await addresses(first))[number]);
        await shows(page, RED);
        await first.kill();
        await page.state('reconnecting');
        // The longest wait between two tries: it has tried for some ten seconds.
        await page.sentence(/in 5 s/);
        const second = await start(GREEN);
        await second.viewers(1);
        await shows(page, GREEN);
      }));
  }

  scenario('a page that came by a code while the bench was off connects when it is on', ({ bench, open }) =>
    withIdentity(bench, async (start) => {
      const first = await start(RED);
      const code = await first.code();
      await first.stop();
      const page = await open(`${FILE_URL}#${code}`);
      await page.state('failed');
      await page.sentence(/No answer from the bench/);
      const second = await start(GREEN);
      await second.viewers(1);
      await shows(page, GREEN);
    }));

  scenario('the one viewer of a code for once comes back after a restart, and nobody else comes', ({ bench, open }) =>
    withIdentity(bench, async (start) => {
      const first = await start(RED);
      const code = await first.code('once');
      const page = await open(`${FILE_URL}#${code}`);
      await shows(page, RED);
      await first.kill();
      const second = await start(GREEN);
      await second.viewers(1);
      await shows(page, GREEN);
      const other = await open(`${FILE_URL}#${code}`);
      await other.state('failed');
      await second.viewers(1);
    }));

  scenario('a page does not come back by a code that was revoked meanwhile', ({ bench, open }) =>
    withIdentity(bench, async (start) => {
      const first = await start(RED);
      const code = await first.code();
      const page = await open(`${FILE_URL}#${code}`);
      await shows(page, RED);
      await first.kill();
      const second = await start(GREEN);
      // It may have been faster than the console, and is ended then.
      second.type('revoke all');
      await second.says('revoked');
      const since = second.stdout.count;
      await page.until('an end, or a long wait', () => {
        const line = document.querySelector('#status');
        return line?.getAttribute('data-state') === 'failed' || /in 5 s/.test(line?.textContent ?? '');
      });
      assert.ok(!second.stdout.all.slice(since).some((line) => /peer \d+ connected/.test(line)));
    }));
});

if (KINDS.length === 2) {
  inEachBrowser(
    (scenario) => {
      scenario('browsers of both kinds come back to the same bench', ({ bench, open, another }) =>
        withIdentity(bench, async (start) => {
          let p = await start(RED);
          const code = await p.code();
          const pages = [await open(`${FILE_URL}#${code}`), await open(`${FILE_URL}#${code}`, await another('firefox'))];
          for (const page of pages) await shows(page, RED);
          for (const colour of [GREEN, BLUE]) {
            await p.kill();
            p = await start(colour);
            await p.viewers(2);
            for (const page of pages) await shows(page, colour);
          }
        }));
    },
    { kinds: ['chromium'] },
  );
}
