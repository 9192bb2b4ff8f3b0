// @ts-check
/** Connecting by copy and paste, in both roles and in the forms in which people carry texts. */

import { BARS_AND_TONE, decoded, quoted, seesBarsAndHearsTone, withCrlf, withSmartQuotes, wrapped } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** What mail, chat and word processors make of a code. @type {Record<string, (code: string) => string>} */
const FORMS = {
  'JSON': (code) => JSON.stringify(decoded(code)),
  'plain SDP': (code) => decoded(code).sdp,
  'plain SDP with CRLF': (code) => withCrlf(decoded(code).sdp),
  'base64 that was wrapped': (code) => wrapped(code),
  'base64 that was wrapped, with CRLF': (code) => withCrlf(wrapped(code, 64)),
  'base64 that was wrapped and quoted': (code) => quoted(wrapped(code)),
  'JSON with smart quotes': (code) => withSmartQuotes(JSON.stringify(decoded(code))),
  'a line of the console, whole': (code) => `periscope: ${decoded(code).type} ${code}`,
};

inEachBrowser((scenario) => {
  scenario('the bench offers and the page answers', async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    p.type(await page.code('answer'));
    await p.peer('connected');
    await page.state('connected');
    await seesBarsAndHearsTone(page);
  });

  scenario('the page offers and the bench answers', async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    await page.enter(await p.answer(await page.code('offer')));
    await p.peer('connected');
    await page.state('connected');
    await seesBarsAndHearsTone(page);
  });

  scenario('a paste into the box connects without the button', async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    await page.paste(await p.answer(await page.code('offer')));
    await page.state('connected');
    await page.moreFrames();
  });

  for (const [form, make] of Object.entries(FORMS)) {
    scenario(`both sides take ${form}`, async ({ bench, open }) => {
      // To an offer with ICE-lite the page gives its short answer only.
      const p = await bench(BARS_AND_TONE, { http: false, settings: { ice: 'full' } });
      const page = await open();
      await page.enter(make(await p.offer()));
      p.type(make(await page.code('answer')));
      await p.peer('connected');
      await page.moreFrames();
    });
  }

  scenario('the console takes the page’s offer as plain SDP', async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    const answer = await p.answer(decoded(await page.code('offer')).sdp);
    await page.enter(decoded(answer).sdp);
    await p.peer('connected');
    await page.moreFrames();
  });
});
