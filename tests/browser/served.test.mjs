// @ts-check
/** The page that the bench serves: opened by the address that the console prints, watched, reloaded, refused. */

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { BARS, BARS_AND_TONE, seesBars, seesBarsAndHearsTone } from './harness/material.mjs';
import { Bench } from './harness/bench.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** An address of this machine that a LAN would use. @param {'IPv4' | 'IPv6'} family */
const lanAddress = (family) =>
  Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry && entry.family === family && !entry.internal && !entry.address.startsWith('fe80:'))?.address;

inEachBrowser((scenario) => {
  scenario('the printed address shows a moving picture with sound, without a paste', async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE);
    const page = await open(await p.url());
    await page.state('connected');
    await seesBarsAndHearsTone(page);
    assert.match((await p.peers()).join(), /^1 connected for \d+ s, video_0 (H\.264|VP8), audio_0 Opus$/);
  });

  scenario('the printed address, pasted into the page from a file, connects', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open();
    await page.enter(await p.url());
    await seesBars(page);
  });

  if (lanAddress('IPv6') !== undefined) {
    scenario('the page comes by an IPv6 address', async ({ bench, open }) => {
      const p = await bench(BARS, { settings: { address: lanAddress('IPv6') ?? '' } });
      const url = await p.url();
      assert.match(url, /^http:\/\/\[[0-9a-f:]+\]:\d+\/#/);
      await (await open(url)).moreFrames();
    });
  }

  scenario('a reload replaces the peer and brings the picture back', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await page.moreFrames();
    await page.tab.reload();
    await p.peer('closed');
    await seesBars(page);
    const peers = await p.peers();
    assert.equal(peers.length, 1, peers.join('; '));
    assert.match(peers[0] ?? '', /^2 connected/);
  });

  scenario('a page that is closed leaves the list of peers', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await page.moreFrames();
    await page.close();
    await p.peer('closed');
    assert.deepEqual(await p.peers(), ['nobody is there']);
  });

  scenario('“drop” ends a viewer, and its page says so', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(await p.url());
    await page.moreFrames();
    p.type('drop 1');
    await p.peer('closed');
    await page.state('failed');
    await page.sentence(/ended at the bench/);
    assert.deepEqual(await p.peers(), ['nobody is there']);
  });

  scenario('the page comes back by itself when the bench was restarted', async ({ bench, open }) => {
    const first = await bench(BARS, { settings: { key: 'the-same-key' } });
    const page = await open(await first.url());
    await page.moreFrames();
    await first.stop();
    await page.state('reconnecting');
    await bench(BARS, { settings: { key: 'the-same-key', port: portOf(await first.url()) } });
    await page.state('connected');
    await seesBars(page);
  });

  scenario('the page comes back by itself after a power cut at the bench', async ({ bench, open }) => {
    const first = await bench(BARS, { settings: { key: 'the-same-key' } });
    const page = await open(await first.url());
    await page.moreFrames();
    await first.kill();
    await page.state('reconnecting');
    await bench(BARS, { settings: { key: 'the-same-key', port: portOf(await first.url()) } });
    await page.state('connected');
    await seesBars(page);
  });

  scenario('a wrong key gets words', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open(`${(await p.url()).replace(/#.*/, '')}#notthekey`);
    await page.state('failed');
    await page.sentence(/does not accept the key/);
    assert.deepEqual(await p.peers(), ['nobody is there']);
  });

  scenario('a missing key gets words, and the way by paste stays open', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open((await p.url()).replace(/#.*/, ''));
    await page.state('idle');
    await page.sentence(/lacks its key/);
    await page.enter(await p.answer(await page.code('offer')));
    await seesBars(page);
  });

  scenario('a bench that is full says so, and its viewer keeps the picture', async ({ bench, open }) => {
    const p = await bench(BARS, { settings: { 'max-peers': 1 } });
    const first = await open(await p.url());
    await first.moreFrames();
    const second = await open(await p.url());
    await second.state('failed');
    await second.sentence(/no room for one more viewer.*max-peers/);
    p.type('offer');
    assert.match(await p.says('error'), /max-peers/);
    await second.close();
    await first.tab.bringToFront();
    await first.moreFrames(30);
    await first.state('connected');
  });

  scenario('a bench that is not there gets words', async ({ open }) => {
    const gone = await Bench.start(BARS);
    const url = await gone.url();
    await gone.stop();
    const page = await open();
    await page.enter(url);
    await page.state('failed');
    await page.sentence(/cannot be reached/);
  });
});

/** @param {string} url */
const portOf = (url) => new URL(url).port;
