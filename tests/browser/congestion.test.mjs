// @ts-check
/**
 * One viewer's network gets narrow: what it is sent follows, and the other viewer notices nothing. Bench and viewers are
 * two hosts; each viewer is known by its UDP port.
 */

import assert from 'node:assert/strict';
import { onTwoHosts } from './harness/hosts.mjs';
import { benchOptions, Lan, lasts, limitOf } from './harness/lan.mjs';
import { LongWay } from './harness/longway.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** @typedef {import('./harness/page.mjs').Page} Page */

/** Noise: an encoder needs all the bits that it is given; of larger pictures VP8 would need more. */
const WIDTH = 320;
const NOISE = `videotestsrc is-live=true pattern=snow ! video/x-raw,width=${WIDTH},height=240,framerate=30/1`;
const BITRATE = 2500;
/** Mbit/s, and milliseconds that packets may have to wait before they get lost. */
const NARROW = 1;
const BUFFER = 600;

/** Seconds: of what is usual; until it must have shown; of what follows; until all is well again. */
const USUAL = 5;
const REACTION = 2;
const NARROW_FOR = 20;
const RECOVERY = 10;

/**
 * Milliseconds that nine of ten pictures may come later than usual. Without congestion control all of them would find the
 * buffer full; a trial whether the network takes more may fill it for a moment.
 */
const LATE = 400;

await onTwoHosts(import.meta.url, () => inEachBrowser(define, { timeout: limitOf(8) }));

/** @param {import('./harness/scenario.mjs').Define} scenario @param {import('./harness/settings.mjs').Kind} kind */
function define(scenario, kind) {
  scenario('a network of one megabit costs nobody else anything, and no delay', async ({ bench, open }) => {
    const lan = await Lan.lay([[4]]);
    const options = benchOptions('none');
    const p = await bench(`${NOISE} ! p.`, { ...options, settings: { ...options.settings, 'video-bitrate': BITRATE } });
    const code = await p.code();
    const steady = await watching(open, code);
    const slow = await watching(open, code);
    await measured(steady);
    await lasts(USUAL);
    const usual = await measured(steady);

    const port = await portOf(slow);
    await measured(slow);
    await lan.cable().narrow(port, { megabits: NARROW, buffer: BUFFER });
    await lasts(REACTION);
    const first = await measured(slow);
    await lasts(NARROW_FOR);
    const [then, other] = [await measured(slow), await measured(steady)];
    const said = JSON.stringify({ usual, first, then, other });
    assert.ok(then.frames >= 10, said);
    assert.ok(then.kilobits <= 1000 * NARROW, said);
    // Firefox does not say when a picture arrived.
    if (kind === 'chromium') assert.ok(then.late <= LATE, said);
    assert.ok(other.frames >= 0.95 * usual.frames, said);
    assert.ok(other.kilobits >= 0.7 * usual.kilobits, said);

    await lan.cable().widen();
    const since = performance.now();
    await slow.until(
      'the full picture',
      async (width, frames) => {
        const { last } = /** @type {any} */ (window).testNetwork;
        return last !== undefined && last.width === width && last.frames >= frames;
      },
      WIDTH,
      25,
    );
    const took = (performance.now() - since) / 1000;
    console.log(said, `recovered in ${took.toFixed(1)} s`);
    assert.ok(took <= RECOVERY, `it took ${took} s`);
  });

  for (const [where, delay] of /** @type {const} */ ([['here', 0], ['far away', 20]])) {
    scenario(`of a network that loses one packet in twenty nearly all pictures are seen (${where})`, async ({ bench, open }) => {
      const lan = await Lan.lay([[4]]);
      const options = benchOptions('none');
      const p = await bench(`${NOISE} ! p.`, { ...options, settings: { ...options.settings, 'video-bitrate': BITRATE } });
      const code = await p.code();
      const [port = 0] = await lan.benchPorts();
      const way = delay > 0 ? await LongWay.lay(lan, port, delay) : undefined;
      try {
        const page = await watching(open, code);
        await lan.lose(5);
        await lasts(USUAL);
        await measured(page);
        await lasts(NARROW_FOR);
        const counts = await measured(page);
        console.log(JSON.stringify(counts));
        assert.ok(counts.frames >= 25, JSON.stringify(counts));
        assert.ok((await roundTrip(page)) > delay, 'the way is no longer than usual');
        for (const count of await lan.lost()) assert.notEqual(count, 0, 'no packet got lost');
      } finally {
        await way?.close();
      }
    });
  }
}

/**
 * A page that shows the picture, and notes twice a second what comes.
 * @param {() => Promise<Page>} open @param {string} code
 */
async function watching(open, code) {
  const page = await open();
  await page.enter(code);
  await page.moreFrames();
  await page.tab.evaluate(() => {
    /** @type {any} */
    const notes = { late: [], base: Infinity, last: undefined, asked: undefined };
    /** @type {any} */ (window).testNetwork = notes;
    const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
    const shown = (/** @type {number} */ _now, /** @type {any} */ { receiveTime, rtpTimestamp }) => {
      if (receiveTime !== undefined && rtpTimestamp !== undefined) {
        const way = receiveTime - rtpTimestamp / 90;
        notes.base = Math.min(notes.base, way);
        notes.late.push(way - notes.base);
      }
      view.requestVideoFrameCallback(shown);
    };
    view.requestVideoFrameCallback(shown);
    notes.count = async () => {
      /** @type {RTCPeerConnection | null} */
      const connection = /** @type {any} */ (window).periscope.peerConnection();
      /** @type {any} */
      let counts;
      (await connection?.getStats())?.forEach((entry) => {
        if (entry.type !== 'inbound-rtp' || entry.kind !== 'video') return;
        counts = { time: performance.now(), decoded: entry.framesDecoded, bytes: entry.bytesReceived, width: entry.frameWidth };
      });
      return counts;
    };
    /** @type {any} */
    let before;
    setInterval(async () => {
      const now = await notes.count();
      if (before !== undefined && now !== undefined) {
        const frames = ((now.decoded - before.decoded) * 1000) / (now.time - before.time);
        notes.last = { width: now.width, frames };
      }
      before = now;
    }, 500);
  });
  await page.until('statistics', () => /** @type {any} */ (window).testNetwork.last?.frames > 0);
  return page;
}

/**
 * Frames and kilobits a second since this was asked last, and by how many milliseconds the latest tenth of the pictures
 * came too late at least.
 * @param {Page} page
 * @returns {Promise<{frames: number, kilobits: number, late: number}>}
 */
const measured = (page) =>
  page.tab.evaluate(async () => {
    const notes = /** @type {any} */ (window).testNetwork;
    const before = notes.asked ?? { decoded: 0, bytes: 0, time: 0 };
    const now = await notes.count();
    const elapsed = (now.time - before.time) / 1000;
    const counts = {
      frames: (now.decoded - before.decoded) / elapsed,
      kilobits: ((now.bytes - before.bytes) * 8) / elapsed / 1000,
      late: notes.late.sort((/** @type {number} */ a, /** @type {number} */ b) => a - b)[Math.floor(notes.late.length * 0.9)] ?? 0,
    };
    notes.asked = now;
    notes.late = [];
    return counts;
  });

/** The viewer's UDP port. @param {Page} page */
const portOf = (page) =>
  page.until('a port in the statistics', async () => {
    /** @type {RTCPeerConnection | null} */
    const connection = /** @type {any} */ (window).periscope.peerConnection();
    const report = await connection?.getStats();
    let port = 0;
    report?.forEach((entry) => {
      if (entry.type !== 'candidate-pair' || entry.state !== 'succeeded' || !entry.nominated) return;
      port = report.get(entry.localCandidateId)?.port ?? 0;
    });
    return port;
  });

/** Milliseconds there and back, as the page tells. @param {Page} page */
const roundTrip = (page) =>
  page.until('a round trip in the statistics', () => Number(/([\d.]+) ms round trip/.exec(document.querySelector('#stats')?.textContent ?? '')?.[1] ?? 0));
