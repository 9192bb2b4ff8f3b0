// @ts-check
/** Talking: what is said into a browser's microphone is heard at the bench, when the person wants it and at no other time. */

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { readFile } from 'node:fs/promises';
import { BARS, TEXT } from './harness/material.mjs';
import { HEARD, hears, isSilent, isTone, listen, microphone } from './harness/microphone.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';
import { PAGE_FILE } from './harness/settings.mjs';

/** @typedef {import('./harness/page.mjs').Page} Page */

/** A bench that listens, and gives out what it hears. */
const EAR = `p.audio_src_0 ! ${HEARD} ! fdsink fd=4 sync=false async=false`;
const BENCH = `${BARS} ${EAR}`;
/** A machine that has other things to do keeps a page from its heartbeat for a while, which is not what these tests are about. */
const PATIENT = { 'heartbeat-timeout': 10_000 };

/** What the page does to a voice it would do to a tone as well. */
const asItIs = (/** @type {Page} */ page) =>
  page.tab.evaluate(() => {
    for (const id of ['mic-echo', 'mic-noise', 'mic-gain']) {
      const box = /** @type {HTMLInputElement} */ (document.getElementById(id));
      if (box.checked) box.click();
    }
  });

/** @returns {Promise<{state: string, talking: boolean, sending: boolean, microphone: string | null, level: {mic: number | null, sound: number | null}}>} */
const audio = (/** @type {Page} */ page) => page.tab.evaluate(() => /** @type {any} */ (window).periscope.audio());

/** Waits for a state of the button; gives the sentence below. @param {Page} page @param {string} wanted @returns {Promise<string>} */
const talkIs = (page, wanted) =>
  page.until(
    `the button to be ${wanted}`,
    (state) => (document.querySelector('#talk')?.getAttribute('data-state') === state ? document.querySelector('#talk-note')?.textContent : ''),
    wanted,
  ).then(String);

/** Waits for the sentence. @param {Page} page @param {RegExp} pattern */
const notes = (page, pattern) =>
  page.until(`a note like ${pattern}`, (source) => new RegExp(source).test(document.querySelector('#talk-note')?.textContent ?? ''), pattern.source);

/** A page from a file that can talk, opened by an address or a code. @param {() => Promise<Page>} open @param {string} way */
async function talker(open, way) {
  const page = await open();
  await asItIs(page);
  await page.enter(way);
  await talkIs(page, 'off');
  return page;
}

const { flags, preferences } = await microphone();

inEachBrowser(
  (scenario, kind) => {
    scenario('what is said while the button is held is heard at the bench, and nothing before and after', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await talker(open, await p.url());
      assert.ok(isSilent(await listen(p, 500)));
      assert.deepEqual(await audio(page).then(({ sending, microphone }) => [sending, microphone]), [false, null], 'the microphone is closed');
      await (await page.tab.$('#talk'))?.hover();
      await page.tab.mouse.down();
      await talkIs(page, 'talking');
      await hears(p, isTone);
      await page.tab.mouse.up();
      await talkIs(page, 'ready');
      await hears(p, isSilent);
      assert.ok(isSilent(await listen(p, 500)));
      assert.equal((await audio(page)).sending, false);
      // The microphone is open, and still nothing goes out before the next press.
      await page.tab.mouse.down();
      await hears(p, isTone);
      await page.tab.mouse.up();
      await hears(p, isSilent);
    });

    scenario('the space bar talks as long as it is held, but not while somebody types', async ({ bench, open }) => {
      const p = await bench(`${BENCH} fdsrc fd=3 ! ${TEXT} ! p.data_0 p.data_src_0 ! fakesink async=false`, { settings: PATIENT });
      const page = await talker(open, await p.url());
      await page.instruments();
      await page.tab.focus('#command');
      await page.tab.keyboard.down(' ');
      await page.tab.keyboard.up(' ');
      assert.equal(await page.tab.$eval('#command', (field) => /** @type {HTMLInputElement} */ (field).value), ' ');
      assert.equal((await audio(page)).state, 'off');
      await page.tab.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
      await page.tab.evaluate(() => addEventListener('keydown', (event) => (/** @type {any} */ (window).testPrevented = event.defaultPrevented)));
      await page.tab.keyboard.down(' ');
      await talkIs(page, 'talking');
      await hears(p, isTone);
      assert.equal(await page.tab.evaluate(() => /** @type {any} */ (window).testPrevented), true, 'the page would scroll');
      await page.tab.keyboard.up(' ');
      await talkIs(page, 'ready');
      await hears(p, isSilent);
    });

    scenario('a window that loses the focus talks no more, although the key is still down', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await talker(open, await p.url());
      await page.tab.keyboard.down(' ');
      await talkIs(page, 'talking');
      await hears(p, isTone);
      await page.tab.evaluate(() => window.dispatchEvent(new Event('blur')));
      await talkIs(page, 'ready');
      await hears(p, isSilent);
      await page.tab.keyboard.up(' ');
    });

    scenario('hands-free is heard until it is switched off, and mute silences it at once', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await talker(open, await p.url());
      await page.press('#hands-free');
      await talkIs(page, 'talking');
      await hears(p, isTone);
      await page.press('#mic-mute');
      assert.match(await talkIs(page, 'ready'), /nobody hears you/);
      await hears(p, isSilent);
      await page.press('#mic-mute');
      await hears(p, isTone);
      await page.press('#hands-free');
      await talkIs(page, 'ready');
      await hears(p, isSilent);
    });

    scenario('speech goes in packets of 10 ms, and another microphone interrupts neither it nor the picture', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await talker(open, await p.url());
      await page.moreFrames();
      await page.press('#hands-free');
      await hears(p, isTone);
      await page.tab.evaluate(() => {
        const world = /** @type {any} */ (window);
        world.testOffers = 0;
        world.periscope.peerConnection().addEventListener('signalingstatechange', () => world.testOffers++);
        world.testTracks = [];
        const { replaceTrack } = RTCRtpSender.prototype;
        RTCRtpSender.prototype.replaceTrack = function (/** @type {MediaStreamTrack | null} */ track) {
          world.testTracks.push([this.track?.readyState, track?.readyState]);
          return replaceTrack.call(this, track);
        };
        const select = /** @type {HTMLSelectElement} */ (document.querySelector('#mic'));
        select.value = [...select.options].at(-1)?.value ?? '';
        select.dispatchEvent(new Event('change'));
      });
      await page.until('another microphone', () => /** @type {any} */ (window).testTracks.length > 0);
      assert.deepEqual(await page.tab.evaluate(() => /** @type {any} */ (window).testTracks), [['live', 'live']], 'the one before goes when the other one is there');
      await hears(p, isTone);
      await page.moreFrames();
      assert.equal(await page.tab.evaluate(() => /** @type {any} */ (window).testOffers), 0);
      const rate = await page.tab.evaluate(async () => {
        const sender = /** @type {RTCPeerConnection} */ (/** @type {any} */ (window).periscope.peerConnection()).getSenders().find(({ track }) => track !== null);
        const sent = async () => {
          /** @type {any} */ let found;
          (await /** @type {RTCRtpSender} */ (sender).getStats()).forEach((entry) => entry.type === 'outbound-rtp' && (found = entry));
          return found;
        };
        const first = await sent();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        const second = await sent();
        return ((second.packetsSent - first.packetsSent) * 1000) / (second.timestamp - first.timestamp);
      });
      assert.ok(rate > 90 && rate < 110, `${rate} packets a second`);
    });

    scenario('where one may talk at a time the second is told who talks, and is heard when the floor is free', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: { ...PATIENT, talk: 'one' } });
      const url = await p.url();
      const first = await talker(open, url);
      const second = await talker(open, url);
      await first.press('#hands-free');
      await talkIs(first, 'talking');
      await notes(second, /Viewer \d+ is talking/);
      await second.press('#hands-free');
      assert.match(await talkIs(second, 'refused'), /You are not heard: viewer \d+ is talking/);
      assert.equal((await audio(second)).sending, false);
      assert.equal(await second.tab.$eval('#hands-free', (button) => button.getAttribute('aria-pressed')), 'false');
      await first.press('#hands-free');
      await talkIs(first, 'ready');
      await second.press('#hands-free');
      await talkIs(second, 'talking');
      await hears(p, isTone);
    });

    scenario('a code for watching does not talk, and the page says why', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await open(`${FILE_URL}#${await p.code()}`);
      await notes(page, /You cannot talk here: .*watching/);
      assert.equal((await audio(page)).state, 'unavailable');
      assert.equal(await page.tab.$eval('#talk', (button) => /** @type {HTMLButtonElement} */ (button).disabled), true);
    });

    scenario('a bench that takes no sound has no button to talk', async ({ bench, open }) => {
      const p = await bench(BARS);
      const page = await open(await p.url());
      await page.moreFrames();
      assert.equal(await page.tab.$eval('#talk', (button) => button.checkVisibility()), false);
    });

    scenario('a page that hangs while it talks is heard no more, and says so', async ({ bench, open }) => {
      const p = await bench(BENCH);
      const page = await talker(open, await p.url());
      await page.press('#hands-free');
      await hears(p, isTone);
      await page.tab.evaluate(() => {
        const until = performance.now() + 3_000;
        while (performance.now() < until);
      });
      await talkIs(page, 'refused');
      await hears(p, isSilent);
    });

    scenario('a microphone that the person refuses is explained, and the next press asks again', async ({ bench, open }) => {
      const p = await bench(BENCH, { settings: PATIENT });
      const page = await talker(open, await p.url());
      await page.tab.evaluate(() => {
        const world = /** @type {any} */ (window);
        world.testAsk = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
      });
      await page.press('#hands-free');
      await notes(page, /does not let this page use the microphone/);
      assert.equal((await audio(page)).state, 'off');
      await page.tab.evaluate(() => {
        navigator.mediaDevices.getUserMedia = /** @type {any} */ (window).testAsk;
      });
      await page.press('#hands-free');
      await talkIs(page, 'talking');
    });

    scenario('a bench that was restarted is talked to again, hands-free', async ({ bench, open }) => {
      const settings = { ...PATIENT, key: 'the-same-key' };
      const first = await bench(BENCH, { settings });
      const url = await first.url();
      const page = await talker(open, url);
      await page.press('#hands-free');
      await hears(first, isTone);
      await first.kill();
      await page.state('reconnecting');
      const second = await bench(BENCH, { settings: { ...settings, port: new URL(url).port } });
      await page.state('connected');
      await hears(second, isTone);
    });

    const address = lanAddress();
    if (address !== undefined) {
      scenario('a page from http says that it has no microphone, and offers https and itself as a file', async ({ bench, open }) => {
        const p = await bench(BENCH, { settings: { ...PATIENT, address } });
        const url = await p.url();
        const page = await open(url);
        await notes(page, /^Browsers lend the microphone to no page from http: open this one by https.*save it/);
        assert.equal((await audio(page)).state, 'unavailable');
        assert.equal(await page.tab.$eval('#talk-https', (link) => /** @type {HTMLAnchorElement} */ (link).href), url.replace(/^http:/, 'https:'));
        assert.equal(await page.saved('#talk-save'), await readFile(PAGE_FILE, 'utf8'), 'the page as it was built');
        await page.until('what to paste into the file', (wanted) => {
          const box = /** @type {HTMLInputElement} */ (document.querySelector('#talk-paste'));
          return box.checkVisibility() && box.value === wanted;
        }, url);
        const file = await talker(open, url);
        await file.press('#hands-free');
        await hears(p, isTone);
      });
    }

    // Firefox’s driver refuses to touch on a machine without a touchscreen.
    if (kind === 'chromium') {
      scenario('a finger talks as long as it is on the button', async ({ bench, open }) => {
        const p = await bench(BENCH, { settings: PATIENT });
        const page = await talker(open, await p.url());
        const { x, y } = await page.tab.$eval('#talk', (button) => {
          button.scrollIntoView({ block: 'center' });
          const { x, y, width, height } = button.getBoundingClientRect();
          return { x: Math.round(x + width / 2), y: Math.round(y + height / 2) };
        });
        await page.tab.touchscreen.touchStart(x, y);
        await talkIs(page, 'talking');
        await hears(p, isTone);
        await page.tab.touchscreen.touchEnd();
        await talkIs(page, 'ready');
        await hears(p, isSilent);
      });
    }

    // Without a sound card Firefox never starts an AudioContext, which measures.
    if (kind === 'chromium') {
      scenario('the meters show how loud the microphone and the bench are, and rest where nothing is', async ({ bench, open }) => {
        const p = await bench(`${BENCH} audiotestsrc is-live=true freq=440 volume=0.1 ! p.`, { settings: PATIENT });
        const page = await talker(open, await p.url());
        // A sine of this amplitude, as a mean.
        const level = (/** @type {number} */ amplitude) => 20 * Math.log10(amplitude / Math.SQRT2);
        const near = (/** @type {'mic' | 'sound'} */ which, /** @type {number} */ wanted) =>
          page.until(
            `a level of ${wanted} dBFS`,
            (name, decibels) => {
              const shown = /** @type {any} */ (window).periscope.audio().level[name];
              return shown !== null && Math.abs(shown - decibels) < 2;
            },
            which,
            wanted,
          );
        await near('sound', level(0.1));
        assert.equal((await audio(page)).level.mic, null);
        await page.press('#hands-free');
        await near('mic', level(0.5));
        assert.ok(Number(await page.tab.$eval('#mic-level', (meter) => meter.getAttribute('aria-valuenow'))) > 50);
      });

      scenario('stereo is stereo: what the bench sends on the left is not on the right', async ({ bench, open }) => {
        const p = await bench('audiotestsrc is-live=true freq=440 volume=0.5 ! audio/x-raw,rate=48000,channels=1 ! audiopanorama panorama=-1 ! p.');
        const page = await open(await p.url());
        await page.until('sound on the left alone', async () => {
          const world = /** @type {any} */ (window);
          const track = world.periscope.peerConnection()?.getReceivers().find((/** @type {RTCRtpReceiver} */ receiver) => receiver.track.kind === 'audio')?.track;
          if (track === undefined) return false;
          if (world.testSides === undefined) {
            const context = new AudioContext();
            const splitter = context.createChannelSplitter(2);
            context.createMediaStreamSource(new MediaStream([track])).connect(splitter);
            world.testSides = [0, 1].map((side) => {
              const analyser = context.createAnalyser();
              splitter.connect(analyser, side);
              return analyser;
            });
          }
          const [left, right] = world.testSides.map((/** @type {AnalyserNode} */ analyser) => {
            const samples = new Float32Array(2048);
            analyser.getFloatTimeDomainData(samples);
            return 10 * Math.log10(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
          });
          return left > -12 && right < left - 40;
        });
      });
    }
  },
  { flags, preferences },
);

/** An address of this machine by which pages are not trusted with a microphone. */
function lanAddress() {
  return Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry !== undefined && entry.family === 'IPv4' && !entry.internal)?.address;
}

