// @ts-check
/** Sound both ways at once, as it is heard: which tones, how loud, how whole, on which side, and from whom. */

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { kill } from './harness/browsers.mjs';
import { BARS } from './harness/material.mjs';
import { HEARD, hears, isSilent, listen, measure, MOMENT, strength } from './harness/microphone.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { equip, hearsInPage, listenIn, talk } from './harness/sound.mjs';
import { SoundServer } from './harness/soundserver.mjs';

/** @typedef {import('./harness/bench.mjs').Bench} Bench */
/** @typedef {import('./harness/browsers.mjs').Browser} Browser */
/** @typedef {import('./harness/scenario.mjs').Scenario} Scenario */

const EAR = `p.audio_src_0 ! ${HEARD} ! fdsink fd=4 sync=false async=false`;

/** What the bench and the pages play: amplitudes of a quarter. */
const [OURS, THEIRS, OTHERS] = [440, 700, 1_100];
const LEVEL = 20 * Math.log10(0.25);
const TONE = `audiotestsrc is-live=true freq=${OURS} volume=0.25 ! audio/x-raw,rate=48000,channels=1`;

/** @param {number} one @param {number} other @param {number} most decibels */
const isNear = (one, other, most) => Math.abs(one - other) <= most;
/** @param {number} heard @param {number} wanted Hz */
const isPitch = (heard, wanted) => isNear(heard, wanted, wanted * 0.01);

/** @param {Buffer} sound @param {number} frequency */
const hasTone = (sound, frequency) => isNear(strength(sound, frequency), LEVEL, 3);

/**
 * A page that talks: its microphone plays a tone.
 * @param {Bench} p
 * @param {Scenario['open']} open
 * @param {number} frequency
 * @param {Browser} [browser]
 */
async function talking(p, open, frequency, browser) {
  const page = await open(undefined, browser, (unopened) => equip(unopened, 'tone', frequency));
  await page.enter(await p.url());
  await talk(page);
  return page;
}

const server = await SoundServer.start();
after(() => server.stop());

inEachBrowser(
  (scenario, kind) => {
    scenario('bench and page hear each other at the same time: pitch and level as they were, nothing missing', async ({ bench, open }) => {
      const p = await bench(`${TONE} ! p. ${EAR}`);
      const page = await talking(p, open, THEIRS);
      await listenIn(page);
      await hearsInPage(page, ({ frequency, level, gaps }) => isPitch(frequency, OURS) && isNear(level, LEVEL, 1.5) && gaps === 0);
      await hears(p, (sound) => hasTone(sound, THEIRS) && isPitch(measure(sound).frequency, THEIRS));
    });

    scenario('left is left and right is right in the page', async ({ bench, open }) => {
      const side = (/** @type {number} */ frequency, /** @type {number} */ place) =>
        `audiotestsrc is-live=true freq=${frequency} volume=0.25 ! audio/x-raw,rate=48000,channels=1 ! audiopanorama panorama=${place} ! m.`;
      const p = await bench(`audiomixer name=m start-time-selection=first ! audio/x-raw,channels=2 ! p. ${side(OURS, -1)} ${side(2 * OURS, 1)} ${EAR}`);
      const page = await talking(p, open, THEIRS);
      await listenIn(page);
      await hearsInPage(page, (left, right) => isPitch(left.frequency, OURS) && isPitch(right.frequency, 2 * OURS) && isNear(left.level, right.level, 1));
    });

    scenario('two pages that talk at once are both heard, and one that ends does not disturb the other', async ({ bench, open }) => {
      const p = await bench(`${TONE} ! p. ${EAR}`);
      await talking(p, open, THEIRS);
      const second = await talking(p, open, OTHERS);
      await hears(p, (sound) => hasTone(sound, THEIRS) && hasTone(sound, OTHERS));
      await second.close();
      await hears(p, (sound) => strength(sound, OTHERS) < -60);
      const rest = await listen(p, 500);
      for (let at = 0; at < rest.length; at += rest.length / 5) assert.ok(hasTone(rest.subarray(at, at + rest.length / 5), THEIRS), 'the other one was disturbed');
    });

    scenario('a microphone that is switched off is silent at the bench, and the picture goes on', async ({ bench, open }) => {
      const p = await bench(`${BARS} ${TONE} ! p. ${EAR}`);
      const page = await talking(p, open, THEIRS);
      await listenIn(page);
      await hears(p, (sound) => hasTone(sound, THEIRS));
      await page.moreFrames();
      await page.press('#hands-free');
      await hears(p, isSilent);
      await page.moreFrames(30);
      assert.ok(isSilent(await listen(p, 500)));
      await hearsInPage(page, ({ frequency, gaps }) => isPitch(frequency, OURS) && gaps === 0);
      await page.press('#hands-free');
      await hears(p, (sound) => hasTone(sound, THEIRS));
    });

    scenario('a page that is killed while it talks is not heard after a second', async ({ bench, open, another }) => {
      const p = await bench(`${TONE} ! p. ${EAR}`);
      const victim = await another(kind, [], { environment: server.environment });
      await talking(p, open, THEIRS, victim);
      await hears(p, (sound) => hasTone(sound, THEIRS));
      const killed = performance.now();
      await kill(victim);
      await hears(p, isSilent);
      const after = performance.now() - killed;
      assert.ok(after < 1_000 + MOMENT, `it was heard for ${Math.round(after)} ms`);
      assert.ok(isSilent(await listen(p, 500)));
    });
  },
  { environment: server.environment },
);
