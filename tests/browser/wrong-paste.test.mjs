// @ts-check
/** What a person may paste by mistake: it gets words, on the side where it happened, and disturbs nobody. */

import assert from 'node:assert/strict';
import { BARS, decoded } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

inEachBrowser((scenario) => {
  scenario('the console says what is wrong with a paste, and a viewer keeps its picture', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await page.moreFrames();
    const offer = await p.offer();

    /** @param {string} text */
    const complaint = async (text) => {
      const since = p.stdout.count;
      p.type(text);
      return p.says('error', { since });
    };
    assert.match(await complaint('what is this?'), /help/);
    assert.match(await complaint(offer.slice(0, offer.length / 2)), /cut off/);
    const { sdp } = decoded(offer);
    assert.match(await complaint(sdp.slice(0, sdp.indexOf('m='))), /copied|cut off|copy/);
    await page.moreFrames(30);
    await page.state('connected');
  });

  scenario('the page says what is wrong with a paste, and keeps its picture', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await page.moreFrames();
    const offer = await p.offer();
    const { sdp } = decoded(offer);

    await page.enter('what is this?');
    await page.sentence(/no address, offer or answer/);
    await page.enter(offer.slice(0, offer.length / 2));
    await page.sentence(/Part of this text is missing/);
    await page.enter(sdp.slice(0, sdp.indexOf('m=')));
    await page.sentence(/Part of this text is missing/);
    await page.enter(sdp.replace(/a=fingerprint.*\r\n/g, ''));
    await page.sentence(/no certificate fingerprint/);
    await page.moreFrames(30);
    await page.state('connected');
  });

  scenario('the page says that a text is no code when nothing runs, too', async ({ open }) => {
    const page = await open();
    await page.enter('what is this?');
    await page.state('failed');
    await page.sentence(/no address, offer or answer/);
    await page.enter(await page.code('offer'));
    await page.sentence(/page’s own code/);
  });

  scenario('an answer when no offer is out is refused', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    p.type('drop 1');
    await p.peer('closed');
    p.type(answer);
    assert.match(await p.says('error'), /belongs to no offer that is out/);
  });

  scenario('an answer to another offer is refused, and the right one still connects', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const stale = await open();
    await stale.enter(await p.offer());
    const answer = await stale.code('answer');
    p.type('drop 1');
    await p.peer('closed');
    await stale.close();
    const page = await open();
    await page.enter(await p.offer());
    p.type(answer);
    assert.match(await p.says('error'), /belongs to another offer/);
    p.type(await page.code('answer'));
    await p.peer('connected');
    await page.moreFrames();
  });

  scenario('an answer that is pasted twice is refused, and its viewer keeps the picture', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    p.type(answer);
    await page.moreFrames();
    p.type(answer);
    assert.match(await p.says('error'), /has its answer already/);
    await page.moreFrames(30);
    await page.state('connected');
  });

  scenario('the page refuses an answer to an offer from before its reload', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    const answer = await p.answer(await page.code('offer'));
    await page.tab.reload();
    await page.code('offer');
    await page.enter(answer);
    await page.sentence(/belongs to another offer/);
    // The new offer still works.
    await page.enter(await p.answer(await page.code('offer')));
    await page.moreFrames();
  });

  scenario('an answer that the page gets twice does no harm', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    const answer = await p.answer(await page.code('offer'));
    await page.enter(answer);
    await page.moreFrames();
    await page.enter(answer);
    await page.sentence(/belongs to another offer/);
    await page.moreFrames(30);
    await page.state('connected');
  });
});
