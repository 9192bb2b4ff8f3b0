// @ts-check
/** Which codec a viewer gets, who encodes, and that viewers do not disturb each other. */

import assert from 'node:assert/strict';
import { kill } from './harness/browsers.mjs';
import { BARS, BARS_SOURCE, seesBars } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { KINDS } from './harness/settings.mjs';

const H264 = 'x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 ! h264parse';
const VP8 = 'vp8enc deadline=1 keyframe-max-dist=60';

/** GStreamer then tells of each element that starts. */
const TELL = { GST_DEBUG: 'GST_STATES:4', GST_DEBUG_NO_COLOR: '1' };

/**
 * The encoders for video that were started behind pads of the element, by its names for their pipelines.
 * @param {import('./harness/bench.mjs').Bench} bench
 */
const started = (bench) =>
  bench.stderr.all
    .map((line) => /<encode-(video_\d+-\w+)> completed state change to PLAYING/.exec(line)?.[1] ?? '')
    .filter((name) => name !== '')
    .sort();

inEachBrowser((scenario, kind) => {
  /** Debian's Firefox has no H.264. */
  const best = kind === 'chromium' ? 'video/H264' : 'video/VP8';

  scenario('raw video comes in the best codec that the browser has', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await seesBars(page);
    assert.equal(await page.codec(), best);
  });

  scenario('video-codec=vp8 is obeyed', async ({ bench, open }) => {
    const p = await bench(BARS, { settings: { 'video-codec': 'vp8' } });
    const page = await open(await p.url());
    await seesBars(page);
    assert.equal(await page.codec(), 'video/VP8');
  });

  scenario('H.264 passes through to those who have it, others get VP8', async ({ bench, open }) => {
    const p = await bench(`${BARS_SOURCE} ! ${H264} ! p.`, { environment: TELL });
    const page = await open(await p.url());
    await seesBars(page);
    assert.equal(await page.codec(), best);
    assert.deepEqual(started(p), kind === 'chromium' ? [] : ['video_0-vp8enc']);
  });

  scenario('H.264 passes by a connection that was pasted, too', async ({ bench, open }) => {
    const p = await bench(`${BARS_SOURCE} ! ${H264} ! p.`, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    p.type(await page.code('answer'));
    await seesBars(page);
    assert.equal(await page.codec(), best);
  });

  scenario('VP8 passes through', async ({ bench, open }) => {
    const p = await bench(`${BARS_SOURCE} ! ${VP8} ! p.`, { environment: TELL });
    const page = await open(await p.url());
    await seesBars(page);
    assert.equal(await page.codec(), 'video/VP8');
    assert.deepEqual(started(p), []);
  });

  scenario('a viewer that is killed does not disturb the others', async ({ bench, open, another }) => {
    const p = await bench(BARS);
    const url = await p.url();
    const page = await open(url);
    await page.moreFrames();
    const victim = await another(kind);
    await (await open(url, victim)).moreFrames();
    await kill(victim);
    await page.moreFrames(30);
    // Nobody said good-bye: it takes the bench until its patience ends.
    assert.equal(await p.peer('closed'), 2);
    await page.moreFrames(30);
    assert.equal((await p.peers()).length, 1);
  });
});

if (KINDS.length === 2) {
  inEachBrowser(
    (scenario) => {
      scenario('viewers of two codecs watch at once, one encoder for each, and go on when some are killed', async ({ bench, open, another }) => {
        const p = await bench(BARS, { environment: TELL });
        const firefox = await another('firefox');
        const url = await p.url();
        const pages = [];
        for (const browser of [firefox, undefined]) {
          for (const _ of [1, 2]) {
            const page = await open(url, browser);
            await seesBars(page);
            pages.push(page);
          }
        }
        const peers = await p.peers();
        assert.equal(peers.filter((line) => line.includes('video_0 H.264')).length, 2, peers.join('; '));
        assert.equal(peers.filter((line) => line.includes('video_0 VP8')).length, 2, peers.join('; '));
        assert.deepEqual(started(p), ['video_0-vp8enc', 'video_0-x264enc']);

        const last = pages.at(-1);
        await last?.moreFrames(30);
        await kill(firefox);
        await last?.moreFrames(30);
        await last?.state('connected');
      });
    },
    { kinds: ['chromium'] },
  );
}
