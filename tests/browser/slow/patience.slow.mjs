// @ts-check
/** A person takes five minutes from one paste to the next: in both roles, in both browsers, all at the same time. */

import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { launch } from '../harness/browsers.mjs';
import { BARS_AND_TONE, seesBarsAndHearsTone } from '../harness/material.mjs';
import { Scenario } from '../harness/scenario.mjs';
import { KINDS, LIMIT } from '../harness/settings.mjs';

/** How long the walk takes, in milliseconds. */
const WALK = Number(process.env.PERISCOPE_WALK || 5 * 60_000);

/** @type {Map<string, import('../harness/browsers.mjs').Browser>} */
const browsers = new Map();

before(async () => {
  for (const kind of KINDS) browsers.set(kind, await launch(kind));
});
after(async () => {
  for (const browser of browsers.values()) await browser.close();
});

/**
 * Each role: what is done before the walk; it gives what is done after it.
 * @type {Record<string, (scenario: Scenario) => Promise<() => Promise<import('../harness/page.mjs').Page>>>}
 */
const ROLES = {
  'the page answers, and its answer is carried for five minutes': async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    const answer = await page.code('answer');
    return async () => {
      p.type(answer);
      await p.peer('connected');
      return page;
    };
  },
  'the bench answers, and its answer is carried for five minutes': async ({ bench, open }) => {
    const p = await bench(BARS_AND_TONE, { http: false });
    const page = await open();
    const answer = await p.answer(await page.code('offer'));
    return async () => {
      await page.enter(answer);
      await p.peer('connected');
      return page;
    };
  },
};

test('five minutes between two pastes', { timeout: WALK + 20 * LIMIT }, async (t) => {
  const started = [];
  for (const [kind, browser] of browsers) {
    for (const [role, begin] of Object.entries(ROLES)) {
      const scenario = new Scenario(browser);
      started.push({ name: `${role} (${kind})`, scenario, finish: await begin(scenario) });
    }
  }
  // The one wait for time in all these tests: time is what this is about.
  await pause(WALK);
  for (const { name, scenario, finish } of started) {
    await t.test(name, async () => {
      try {
        const page = await finish();
        await page.tab.bringToFront();
        await page.state('connected');
        await seesBarsAndHearsTone(page);
      } catch (error) {
        await scenario.keepArtifacts(name);
        throw error;
      } finally {
        await scenario.end();
      }
    });
  }
});
