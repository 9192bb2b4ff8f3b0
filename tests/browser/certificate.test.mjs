// @ts-check
/** Descriptions whose fingerprint was changed on the way: nobody sees a picture, and both sides say why. */

import assert from 'node:assert/strict';
import { BARS, decoded, encoded } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** Changes the last digit of each fingerprint, as somebody in between would put in another one. @param {string} code */
function tampered(code) {
  if (!code.startsWith('ey')) {
    const bytes = Buffer.from(code, 'base64url');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    return bytes.toString('base64url');
  }
  const description = decoded(code);
  const sdp = description.sdp.replace(/^(a=fingerprint:.*)([0-9A-F])\s*$/gim, (_, start, last) => `${start}${last === '0' ? '1' : '0'}\r`);
  assert.notEqual(sdp, description.sdp);
  return encoded({ ...description, sdp });
}

inEachBrowser((scenario) => {
  for (const ice of ['lite', 'full']) {
    // Side by side: browsers take their time to notice that nobody is there any more.
    scenario(`the bench refuses a page whose answer or offer was changed (ice=${ice})`, async ({ bench, open }) => {
      const p = await bench(BARS, { http: false, settings: { ice } });
      const answers = await open();
      const offers = await open();
      for (const page of [answers, offers]) await page.frames();
      await answers.enter(await p.offer());
      p.type(tampered(await answers.code('answer')));
      await offers.enter(await p.answer(tampered(await offers.code('offer'))));
      for (const peer of [1, 2]) await p.stdout.line(new RegExp(`peer ${peer} closed: .*certificate`));
      assert.ok(!p.stdout.all.some((line) => /peer \d+ connected/.test(line)));
      for (const page of [answers, offers]) {
        await page.state('failed');
        assert.equal(await page.frames(), 0);
      }
    });

    scenario(`the page refuses a bench whose offer was changed (ice=${ice})`, async ({ bench, open }) => {
      const p = await bench(BARS, { http: false, settings: { ice } });
      const page = await open();
      await page.frames();
      await page.enter(tampered(await p.offer()));
      p.type(await page.code('answer'));
      await page.state('failed');
      await page.sentence(/certificate is another one/);
      assert.equal(await page.frames(), 0);
    });
  }

  scenario('the page refuses a bench whose answer was changed', async ({ bench, open }) => {
    const p = await bench(BARS, { http: false });
    const page = await open();
    await page.frames();
    await page.enter(tampered(await p.answer(await page.code('offer'))));
    await page.state('failed');
    await page.sentence(/certificate is another one/);
    assert.equal(await page.frames(), 0);
  });
});
