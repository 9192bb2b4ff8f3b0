// @ts-check
/** Candidates with real addresses, as browsers give them to pages that may use the microphone. Elsewhere they are .local names. */

import assert from 'node:assert/strict';
import { BARS, decoded, seesBars } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

inEachBrowser(
  (scenario) => {
    scenario('the bench offers, the page answers with real addresses', async ({ bench, open }) => {
      const p = await bench(BARS, { http: false, settings: { ice: 'full' } });
      const page = await open();
      await page.enter(await p.offer());
      const answer = await page.code('answer');
      assert.doesNotMatch(decoded(answer).sdp, /\.local /);
      p.type(answer);
      await seesBars(page);
    });

    scenario('the page offers real addresses, the bench answers', async ({ bench, open }) => {
      const p = await bench(BARS, { http: false });
      const page = await open();
      await page.enter(await p.answer(await page.code('offer')));
      await seesBars(page);
    });

    scenario('the printed address works with real addresses', async ({ bench, open }) => {
      const p = await bench(BARS);
      await seesBars(await open(await p.url()));
    });
  },
  { kinds: ['chromium'], flags: ['--disable-features=WebRtcHideLocalIpsWithMdns'] },
);
