// @ts-check
/**
 * Speech on a network that loses packets: Opus's in-band redundancy both ways, and what is sent again to a browser that
 * asks for it. Bench and viewer are two hosts.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { onTwoHosts } from './harness/hosts.mjs';
import { benchOptions, Lan, lasts, limitOf } from './harness/lan.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { PLUGIN_DIRECTORY } from './harness/settings.mjs';
import { equip, hearsInPage, listenIn, talk } from './harness/sound.mjs';
import { SoundServer } from './harness/soundserver.mjs';

/** @typedef {import('./harness/bench.mjs').Bench} Bench */
/** @typedef {import('./harness/page.mjs').Page} Page */

const EAR = 'audio/x-raw,format=S16LE,rate=48000,channels=2 ! fakesink name=ear async=false';
const VOICE = 'appsrc name=clicks ! audioconvert ! audio/x-raw,channels=1 ! p.';

/** Seconds: until encoders know how much gets lost, and what is measured then. */
const SETTLE = 10;
const RECORD = 20;

/**
 * Of the packets that the bench lacks so many are in the next one at least. Where Opus hears no voice it puts nothing there,
 * and two that follow each other are gone: two of three come back.
 */
const RECOVERED = 0.4;

/** The quietest second of speech that is none, dBFS. */
const QUIET = -40;

await onTwoHosts(import.meta.url, async () => {
  const server = await SoundServer.start();
  test.after(() => server.stop());
  inEachBrowser(define, { timeout: limitOf(6), environment: server.environment });
});

/** @param {import('./harness/scenario.mjs').Define} scenario @param {import('./harness/settings.mjs').Kind} kind */
function define(scenario, kind) {
  // Of the page: less than half of what would be made up without redundancy. Which packets get lost is chance, and 20 s are too short
  // for a finer bound: `scripts/bench audio` measures for minutes.
  for (const [loss, most] of /** @type {const} */ ([[5, 2], [15, 7]])) {
    scenario(`speech goes on both ways while ${loss} % of all packets get lost`, async ({ bench, open }) => {
      const lan = await Lan.lay();
      const by = [join(PLUGIN_DIRECTORY, 'examples', 'impulses'), '--play', 'voice', '--measure'];
      const options = benchOptions('none');
      const p = await bench(`${VOICE} p.audio_src_0 ! ${EAR}`, { ...options, by, settings: { ...options.settings, 'audio-profile': 'voice' } });
      const page = await open(undefined, undefined, (unopened) => equip(unopened, 'voice'));
      await page.enter(await p.code('control'));
      await talk(page);
      await listenIn(page);
      await lan.lose(loss);
      await lasts(SETTLE);
      const since = p.stdout.count;
      /** @type {{page: Counts, bench: Counts & {lost: number, recovered: number}}[]} */
      const counts = [];
      // The bench tells once a second.
      while (counts.length <= RECORD) counts.push({ bench: await atBench(p), page: await inPage(page) });
      for (const ear of /** @type {const} */ (['page', 'bench'])) {
        const seconds = counts.map((count) => count[ear]);
        const played = (seconds.at(-1)?.played ?? 0) - (seconds[0]?.played ?? 0);
        assert.ok(played > RECORD * 48_000 * 0.9, `the ${ear} has played ${played} samples`);
      }
      // Chromium asks for what got lost, and gets it in time.
      const concealed = usual(counts.map(({ page: second }) => second));
      assert.ok(concealed <= (kind === 'chromium' ? 2 : most), `the page makes up ${concealed.toFixed(2)} %`);
      // The bench tells what came back by redundancy. What it makes up is more where a browser's microphone stutters.
      const stutters = usual(counts.map(({ bench: second }) => second));
      assert.ok(stutters <= 7, `the bench makes up ${stutters.toFixed(2)} %`);
      const [first, last] = [counts[0]?.bench, counts.at(-1)?.bench];
      const [lost, recovered] = [(last?.lost ?? 0) - (first?.lost ?? 0), (last?.recovered ?? 0) - (first?.recovered ?? 0)];
      assert.ok(lost > 0 && recovered >= RECOVERED * lost, `of ${lost} packets that the bench lacked it recovered ${recovered}`);
      await hearsInPage(page, ({ level }) => level > QUIET);
      const levels = p.stdout.all.slice(since).flatMap((line) => Number(/^second (\S+)/.exec(line)?.[1] ?? []));
      assert.ok(levels.length > RECORD / 2 && levels.every((level) => level > QUIET), `the bench heard ${levels.join(', ')} dBFS`);
      for (const count of await lan.lost()) assert.notEqual(count, 0, 'no packet got lost');
    });
  }
}

/** @typedef {{played: number, concealed: number}} Counts */

/**
 * Percent of what is played that is made up in the middle one of all seconds: a machine that stands still for a moment makes
 * one of them bad, a redundancy that does not work all.
 * @param {Counts[]} counts
 */
function usual(counts) {
  const parts = counts.slice(1).map(({ played, concealed }, second) => {
    const before = counts[second] ?? { played: 0, concealed: 0 };
    return (100 * (concealed - before.concealed)) / Math.max(1, played - before.played);
  });
  return parts.sort((one, other) => one - other)[Math.floor(parts.length / 2)] ?? NaN;
}

/** Samples that the page has played, and those of them that it made up. @param {Page} page @returns {Promise<Counts>} */
const inPage = (page) =>
  page.tab.evaluate(async () => {
    const counts = { played: 0, concealed: 0 };
    /** @type {RTCPeerConnection} */
    const connection = /** @type {any} */ (window).periscope.peerConnection();
    (await connection.getStats()).forEach((entry) => {
      if (entry.type !== 'inbound-rtp' || entry.kind !== 'audio') return;
      counts.played = entry.totalSamplesReceived;
      counts.concealed = entry.concealedSamples - (entry.silentConcealedSamples ?? 0);
    });
    return counts;
  });

/** The same at the bench, as its element counts. @param {Bench} p */
async function atBench(p) {
  const [, json = ''] = await p.stdout.line(/^talker (.*)/, { since: p.stdout.count });
  const counts = JSON.parse(json);
  const [played, concealed] = [Number(counts['played-samples']), Number(counts['concealed-samples'])];
  return { played, concealed, lost: Number(counts['lost']), recovered: Number(counts['recovered']) };
}
