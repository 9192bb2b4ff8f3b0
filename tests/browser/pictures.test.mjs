// @ts-check
/** Several cameras, and pictures of unusual sizes. */

import assert from 'node:assert/strict';
import { BARS, named, plain, seesBars, seesWholePictures, watchBars } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const RED = 0xffff0000;
const GREEN = 0xff00ff00;
const BLUE = 0xff0000ff;

/** @param {import('./harness/page.mjs').Page} page @param {string} [selector] */
const colour = async (page, selector) => (await page.colours([[0.5, 0.5]], selector)).map(named).join();

/** Pictures: two seconds of them. */
const MANY = 60;

inEachBrowser((scenario) => {
  scenario('all pictures are whole, from the first one on, of one who comes and of one who comes back', async ({ bench, open }) => {
    const settings = { key: 'the-same-key' };
    const first = await bench(BARS, { settings });
    const page = await open(await first.url(), undefined, watchBars);
    await seesWholePictures(page, MANY);
    await first.stop();
    await page.state('reconnecting');
    await bench(BARS, { settings: { ...settings, port: new URL(await first.url()).port } });
    await page.state('connected');
    await page.moreFrames(MANY);
    await seesWholePictures(page, 2 * MANY);
  });

  scenario('all cameras appear, and a click shows one large', async ({ bench, open }) => {
    const p = await bench(`${plain(RED)} ${plain(GREEN)} ${plain(BLUE)}`);
    const page = await open(await p.url());
    await page.picture();
    await page.until(
      'three small pictures',
      () =>
        [.../** @type {NodeListOf<HTMLVideoElement>} */ (document.querySelectorAll('#streams button video'))].filter(
          (video) => video.videoWidth > 0 && video.readyState >= 2,
        ).length === 3,
    );
    for (const [name, wanted] of Object.entries({ video_1: '010', video_2: '001', video_0: '100' })) {
      assert.equal(await colour(page, `#streams button[data-name=${name}] video`), wanted);
      await page.press(`#streams button[data-name=${name}]`);
      await page.moreFrames(3);
      assert.equal(await colour(page), wanted);
    }
  });

  scenario('all cameras appear by paste, too', async ({ bench, open }) => {
    const p = await bench(`${plain(RED)} ${plain(GREEN)}`, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    p.type(await page.code('answer'));
    await page.picture();
    await page.until('two small pictures', () => document.querySelectorAll('#streams button video').length === 2);
  });

  scenario('the page tells how old the picture is that it shows', async ({ bench, open }) => {
    // What the camera took waits half a second on its way to the element.
    const p = await bench('videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! queue min-threshold-time=500000000 ! p.');
    const page = await open(await p.url());
    await page.picture();
    const age = await page.until('the age', () => Number(/(\d+) ms behind the bench/.exec(document.querySelector('#stats')?.textContent ?? '')?.[1] ?? 0));
    assert.ok(age >= 400 && age < 1500, `${age} ms`);
  });

  for (const [what, width, height] of /** @type {[string, number, number][]} */ ([
    ['upright', 240, 320],
    ['odd', 321, 241],
    ['tiny', 64, 48],
    ['wide', 720, 80],
  ])) {
    scenario(`a picture of ${width}×${height} appears (${what})`, async ({ bench, open }) => {
      const p = await bench(`videotestsrc is-live=true pattern=smpte ! video/x-raw,width=${width},height=${height},framerate=30/1 ! p.`);
      const page = await open(await p.url());
      const size = await page.picture();
      // H.264 and VP8 halve the colours: an odd line may be cut off or filled up.
      assert.ok(Math.abs(size.width - width) <= 1 && Math.abs(size.height - height) <= 1, JSON.stringify(size));
      if (width > 100 && height > 100) await seesBars(page);
    });
  }
});
