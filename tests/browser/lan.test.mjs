// @ts-check
/**
 * Bench and viewer on two hosts of a LAN, connected by code: addresses change, cables are pulled, packets get lost.
 * The page is opened as a file and finds the bench by nothing but its code.
 */

import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTwoHosts } from './harness/hosts.mjs';
import { addressesOf, benchOptions, Lan, lasts, limitOf, PORT, wayIn } from './harness/lan.mjs';
import { BARS, seesBars } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** Pictures that cannot have been under way before: two seconds of them. */
const MANY = 60;
const TRIES = 10;
/** Seconds. */
const SHORT_CUT = 8;
const RELEASE = 20;

await onTwoHosts(import.meta.url, () => inEachBrowser(define, { timeout: limitOf(10) }));

/** @param {import('./harness/scenario.mjs').Define} scenario @param {import('./harness/settings.mjs').Kind} kind */
function define(scenario, kind) {
  scenario('two hosts connect by code, by one UDP port', async ({ bench, open }) => {
    const lan = await Lan.lay();
    const { p, page } = await watching({ bench, open });
    await seesBars(page);
    assert.deepEqual(await lan.benchPorts(), [PORT]);
    assert.match((await p.peers()).join(), /^1 connected/);
  });

  scenario('a viewer whose address changes gets its picture back', async ({ bench, open }) => {
    const lan = await Lan.lay();
    const { p, page } = await watching({ bench, open });
    await lan.cable().move('viewer');
    await page.moreFrames(MANY);
    await page.state('connected');
    await onePeer(p);
  });

  // Firefox leaves `.local` names to the system, which need not know them. IPv4 only: an IPv6 address of before stays
  // in Chromium for the two minutes that it was announced for.
  if (kind === 'chromium') {
    scenario('a bench whose address changes is found by its name', async ({ bench, open, another }) => {
      const lan = await Lan.lay([[4]]);
      // Chromium asks for names by the interfaces that were there when it asked for the first one.
      const fresh = await another(kind);
      const { p, page } = await watching({ bench, open: () => open(undefined, fresh) });
      const since = p.stdout.count;
      await lan.cable().move('bench');
      const code = await p.says('code', { since });
      assert.deepEqual(addressesOf(code), [lan.cable().address('bench')]);
      const url = await p.says('page', { since });
      assert.equal(new URL(url).hostname, lan.cable().address('bench'));
      await page.moreFrames(MANY);
      await page.state('connected');
      await onePeer(p);
    });
  }

  scenario('a bench that was restarted is found again', async ({ bench, open }) => {
    await Lan.lay();
    const { p, page, code, options } = await watching({ bench, open });
    await p.kill();
    await page.state('reconnecting');
    const next = await bench(BARS, options);
    assert.equal(await next.says('code'), code);
    await page.state('connected');
    await seesBars(page);
  });

  scenario('a cable that is pulled and plugged in again brings the picture back', async ({ bench, open }) => {
    const lan = await Lan.lay();
    const { p, page } = await watching({ bench, open });
    await lan.cable().pull();
    await lasts(SHORT_CUT);
    await lan.cable().plug();
    await page.moreFrames(MANY);
    await page.state('connected');
    await onePeer(p);
  });

  scenario('a cable that stays pulled ends the visit at the bench', async ({ bench, open }) => {
    const lan = await Lan.lay();
    const { p, page } = await watching({ bench, open });
    await lan.cable().pull();
    await p.stdout.line(/periscope: peer 1 closed/, { limit: RELEASE * 1000 });
    await page.state('reconnecting');
    assert.deepEqual(await p.peers(), ['nobody is there']);
  });

  scenario('a network that loses one packet in twenty is good enough', async ({ bench, open }) => {
    const lan = await Lan.lay();
    const options = await anew();
    const p = await bench(BARS, options);
    const code = await p.says('code');
    await lan.lose(5);
    for (let i = 0; i < TRIES; i++) {
      const page = await open();
      await page.enter(code);
      await page.moreFrames(i + 1 < TRIES ? 10 : 5 * MANY);
      await page.close();
    }
    for (const count of await lan.lost()) assert.notEqual(count, 0, 'no packet got lost');
  });

  scenario('of two networks of the bench, the viewer comes by the one that it reaches', async ({ bench, open }) => {
    const lan = await Lan.lay([[4], [4]]);
    const [other, own] = [lan.cable(0), lan.cable(1)];
    await other.unplugFromViewer();
    await own.preferSourceOf(other);
    const { page, code } = await watching({ bench, open });
    assert.deepEqual(addressesOf(code).sort(), [other.address('bench'), own.address('bench')]);
    assert.equal(await wayIn(page), own.address('bench'));
  });

  scenario('two hosts connect by IPv6 only', async ({ bench, open }) => {
    const lan = await Lan.lay([[6]]);
    const { page, code } = await watching({ bench, open });
    await seesBars(page);
    assert.equal(addressesOf(code).length, 1);
    assert.equal(await wayIn(page), addressesOf(code)[0]);
    assert.deepEqual(await lan.benchPorts(), [PORT]);
  });
}

const anew = async () => benchOptions(join(await mkdtemp(join(tmpdir(), 'bench-')), 'identity.json'));

/**
 * A bench, and a page that shows its picture.
 * @param {{bench: import('./harness/scenario.mjs').Scenario['bench'], open: () => Promise<import('./harness/page.mjs').Page>}} scenario
 */
async function watching({ bench, open }) {
  const options = await anew();
  const p = await bench(BARS, options);
  const code = await p.says('code');
  const page = await open();
  await page.enter(code);
  await page.moreFrames();
  return { p, page, code, options };
}

/**
 * Whoever came back has left nobody behind; a good-bye may have gone a way that leads nowhere any more.
 * @param {import('./harness/bench.mjs').Bench} p
 */
async function onePeer(p) {
  // Whichever of the two the page has given up.
  if ((await p.peers()).length > 1) await p.stdout.line(/periscope: peer \d+ closed/, { limit: RELEASE * 1000 });
  const peers = await p.peers();
  assert.equal(peers.length, 1, peers.join('; '));
  assert.match(peers[0] ?? '', / connected/);
}
