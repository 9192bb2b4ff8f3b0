// @ts-check
/** However many viewers there are, the bench has one UDP port. */

import assert from 'node:assert/strict';
import { readCode, udpSockets } from './harness/codes.mjs';
import { BARS_AND_TONE, seesBars, seesBarsAndHearsTone } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { KINDS } from './harness/settings.mjs';

/** @param {import('./harness/bench.mjs').Bench} bench @param {string} code */
function hasOnePort(bench, code) {
  const ports = udpSockets(bench.pid ?? 0).map((address) => parseInt(address.split(':').at(-1) ?? '', 16));
  assert.deepEqual(ports, [readCode(code).port]);
}

inEachBrowser(
  (scenario) => {
    scenario('eight viewers watch by one UDP port', async ({ bench, open }) => {
      const p = await bench(BARS_AND_TONE);
      const code = await p.code();
      hasOnePort(p, code);
      const pages = [];
      for (let i = 0; i < 8; i++) {
        const page = await open(`${FILE_URL}#${code}`);
        await page.moreFrames();
        pages.push(page);
      }
      await p.viewers(8);
      hasOnePort(p, code);
      for (const page of pages) {
        await page.tab.bringToFront();
        await page.moreFrames();
        await page.state('connected');
      }
      assert.ok(!p.stdout.all.some((line) => /peer \d+ closed/.test(line)));
    });

    scenario('viewers by code, by address and by paste share the port', async ({ bench, open }) => {
      const p = await bench(BARS_AND_TONE);
      const code = await p.code();
      await (await open(`${FILE_URL}#${code}`)).moreFrames();
      await (await open(await p.url())).moreFrames();
      const pasting = await open();
      await pasting.enter(await p.answer(await pasting.code('offer')));
      await pasting.moreFrames();
      const answering = await open();
      await answering.enter(await p.offer());
      p.type(await answering.code('answer'));
      await answering.moreFrames();
      await p.viewers(4);
      hasOnePort(p, code);
    });

    if (KINDS.length === 2) {
      scenario('three browsers of both kinds come at once by one code', async ({ bench, open, another }) => {
        const p = await bench(BARS_AND_TONE);
        const code = await p.code();
        const browsers = await Promise.all([another('chromium'), another('chromium'), another('firefox')]);
        const pages = await Promise.all(browsers.map((browser) => open(`${FILE_URL}#${code}`, browser)));
        await Promise.all(pages.map(seesBarsAndHearsTone));
        const peers = await p.viewers(3);
        assert.deepEqual(peers.map((line) => /video_0 (\S+),/.exec(line)?.[1]).sort(), ['H.264', 'H.264', 'VP8']);
        hasOnePort(p, code);
        for (const page of pages) {
          await seesBars(page);
          await page.close();
        }
        await p.viewers(0);
        hasOnePort(p, code);
      });
    }
  },
  { kinds: ['chromium'] },
);
