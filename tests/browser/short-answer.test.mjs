// @ts-check
/** The short answer: all that a page gives back for an offer of a bench with one port. */

import assert from 'node:assert/strict';
import { BARS, BARS_AND_TONE, quoted, seesBars, seesBarsAndHearsTone, wrapped } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const INSTRUMENT = 'fdsrc fd=3 ! text/x-raw,format=utf8 ! p.data_0 p.data_src_0 ! fdsink fd=4';

/** How short answers come out of mails and chats. @type {Record<string, (answer: string) => string>} */
const FORMS = {
  'as it is': (answer) => answer,
  'wrapped and quoted': (answer) => quoted(wrapped(answer, 20)),
  'in a sentence': (answer) => `Here it is: “${answer}”. Good luck!`,
};

/** Waits for another answer than the one before. @param {import('./harness/page.mjs').Page} page @param {string} before */
const answerAfter = (page, before) =>
  page.until(
    'another answer',
    (old) => {
      const { value } = /** @type {HTMLTextAreaElement} */ (document.querySelector('#code-out'));
      return value.length === 50 && value !== old ? value : '';
    },
    before,
  );

inEachBrowser((scenario) => {
  for (const [form, make] of Object.entries(FORMS)) {
    scenario(`50 characters answer an offer, with picture, sound and data (${form})`, async ({ bench, open }) => {
      const p = await bench(`${BARS_AND_TONE} ${INSTRUMENT}`, { http: false });
      const page = await open();
      await page.enter(await p.offer());
      const answer = await page.code('answer');
      assert.equal(answer.length, 50);
      await page.state('connecting');
      p.type(make(answer));
      await p.peer('connected');
      await page.state('connected');
      await seesBarsAndHearsTone(page);
      assert.match(await page.command('*IDN?'), /Sent to data_0/);
      assert.equal((await p.output.take(5)).toString(), '*IDN?');
      p.feed('ACME,1\n');
      await page.logged(/^ACME,1$/);
    });
  }

  scenario('an offer is answered as often as it is pasted, and each answer is the same', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    const offer = await p.offer();
    await page.enter(offer);
    const answer = await page.code('answer');
    await page.enter(`${offer}\n`);
    assert.equal(await page.code('answer'), answer);
    p.type(answer);
    await seesBars(page);
  });

  scenario('of two offers the page answers the latter', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const before = await page.code('answer');
    await page.enter(await p.offer());
    const answer = await answerAfter(page, before);
    p.type(answer);
    assert.equal(await p.peer('connected'), 2);
    await seesBars(page);
  });

  scenario('an answer that comes a second time gets words, and its viewer keeps the picture', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    p.type(answer);
    await page.moreFrames();
    p.type(answer);
    assert.match(await p.says('error'), /peer 1 has its answer already/);
    await page.moreFrames(30);
    await page.state('connected');
  });

  scenario('of two pages that answer one offer, the latter one gets it, and the former one words', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const offer = await p.offer();
    const former = await open();
    await former.enter(offer);
    const late = await former.code('answer');
    const latter = await open();
    await latter.enter(offer);
    p.type(await latter.code('answer'));
    await p.peer('connected');
    p.type(late);
    assert.match(await p.says('error'), /has its answer already/);
    await former.close();
    await seesBars(latter);
  });

  scenario('an answer of a page that was left for another one lets neither in', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const offer = await p.offer();
    const former = await open();
    await former.enter(offer);
    const answer = await former.code('answer');
    const latter = await open();
    await latter.frames();
    await latter.enter(offer);
    await latter.code('answer');
    p.type(answer);
    await p.stdout.line(/peer 1 closed: .*certificate/);
    assert.ok(!p.stdout.all.some((line) => /peer \d+ connected/.test(line)));
    assert.equal(await latter.frames(), 0);
  });

  scenario('an answer to an offer that was dropped gets words, and the next offer connects', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    p.type('drop 1');
    await p.peer('closed');
    p.type(answer);
    assert.match(await p.says('error'), /belongs to no offer that is out/);
    const since = p.stdout.count;
    const offer = await p.offer();
    p.type(answer);
    assert.match(await p.says('error', { since }), /belongs to another offer/);
    await page.enter(offer);
    p.type(await answerAfter(page, answer));
    await seesBars(page);
  });

  scenario('an answer from before a reload of the page lets nobody in', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    const offer = await p.offer();
    await page.enter(offer);
    const stale = await page.code('answer');
    await page.tab.reload();
    await page.frames();
    await page.enter(offer);
    assert.notEqual(await page.code('answer'), stale);
    p.type(stale);
    await p.stdout.line(/peer 1 closed: .*certificate/);
    assert.ok(!p.stdout.all.some((line) => /peer \d+ connected/.test(line)));
    assert.equal(await page.frames(), 0);
  });

  scenario('the page knows a short answer, and the console a code, that was pasted on the wrong side', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    await page.tab.reload();
    await page.enter(answer);
    await page.sentence(/belongs in the bench’s console/);
    p.type(await p.code());
    assert.match(await p.says('error'), /this is a code: paste it into the page/);
  });
});
