// @ts-check
/**
 * Measures in real browsers how soon a picture comes and how old it is when it is shown.
 *
 *   node benches/picture.mjs [--quick] [--json DIRECTORY] [--browsers chromium,firefox] [--codecs h264,vp8]
 *
 * Needs `cargo build --release --lib --examples`; scripts/bench does it all. Everything happens on this machine, so both ends
 * have one clock: the delay of a picture is the time at which the page gets it, less the time that was painted into it
 * when it left its source. It holds encoding, packets, jitter buffer, decoding and the browser's own beat of 60 Hz, but
 * no camera, network or screen.
 *
 * The delay is set beside that of a plain webrtcbin pipeline with a page of a few lines, load by load in turn.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { launch } from '../tests/browser/harness/browsers.mjs';
import { ms, summary, table, two } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { delays, firstPicture, open, PLAIN_PAGE } from './lib/pictures.mjs';
import { Program, SOURCE } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/browsers.mjs').Browser} Browser */
/** @typedef {import('../tests/browser/harness/page.mjs').Page} Page */
/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {'h264' | 'vp8'} Codec */
/** @typedef {{what: string, browser: Kind, codec: Codec, samples: number[]}} Series */

/** How often everything is done. */
const TIMES = options.quick ? { processes: 2, warm: 2, loads: 2 } : { processes: 8, warm: 5, loads: 12 };

/** A bench is left alone for so long after its start, as by a person who has yet to read the address. */
const READ_THE_ADDRESS = 2_000;

const ENCODE = {
  h264: 'x264enc tune=zerolatency speed-preset=ultrafast key-int-max=300 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=96',
  vp8: 'vp8enc deadline=1 keyframe-max-dist=300 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96',
};

/** @param {Codec} codec */
const periscope = (codec) => `periscope name=p console=on port=0 identity=none video-codec=${codec} ${SOURCE} ! p.`;

/** @param {Codec} codec */
const plain = (codec) => `webrtcbin name=rtc bundle-policy=max-bundle ${SOURCE} ! ${ENCODE[codec]} ! rtc.`;

// ---- The measurements ------------------------------------------------------------------------------------------

/** A bench that a person might go to now. @param {Codec} codec */
async function freshBench(codec) {
  const bench = Program.example('clock-source', periscope(codec));
  const url = await bench.page();
  await pause(READ_THE_ADDRESS);
  return { bench, url };
}

/** @param {Page} page @param {Program} bench */
async function leave(page, bench) {
  await page.close();
  await bench.says(/^periscope: (peer \d+ closed)/);
}

/**
 * From the opening of the printed address to the first picture.
 * @param {Browser} browser
 * @param {Codec} codec
 */
async function byAddress(browser, codec) {
  /** @type {{cold: number[], warm: number[]}} */
  const times = { cold: [], warm: [] };
  for (let i = 0; i < TIMES.processes; i++) {
    const { bench, url } = await freshBench(codec);
    for (let load = 0; load <= TIMES.warm; load++) {
      const page = await open(browser, url);
      times[load === 0 ? 'cold' : 'warm'].push(await firstPicture(page));
      await leave(page, bench);
    }
    await bench.end();
  }
  return times;
}

/**
 * From the moment at which the bench's answer is in the page to the first picture.
 * @param {Browser} browser
 * @param {Codec} codec
 */
async function byPaste(browser, codec) {
  /** @type {{cold: number[], warm: number[]}} */
  const times = { cold: [], warm: [] };
  for (let i = 0; i < TIMES.processes; i++) {
    const { bench, url } = await freshBench(codec);
    for (let load = 0; load <= TIMES.warm; load++) {
      const page = await open(browser, url.replace(/#.*/, ''));
      bench.type(await page.code('offer'));
      const answer = await bench.says(/^periscope: answer (.*)/);
      await page.tab.evaluate((text) => {
        /** @type {HTMLTextAreaElement} */ (document.querySelector('#code-in')).value = text;
        /** @type {any} */ (window).bench.begun = performance.now();
        /** @type {HTMLButtonElement} */ (document.querySelector('#connect')).click();
      }, answer);
      times[load === 0 ? 'cold' : 'warm'].push(await firstPicture(page));
      await leave(page, bench);
    }
    await bench.end();
  }
  return times;
}

/** @param {Browser} browser @param {Codec} codec */
async function delayOfPeriscope(browser, codec) {
  const bench = Program.example('clock-source', periscope(codec));
  const page = await open(browser, await bench.page());
  const samples = await delays(page);
  await page.close();
  await bench.end();
  return samples;
}

/** @param {Browser} browser @param {Codec} codec */
async function delayOfPlain(browser, codec) {
  // The page first: what the pipeline makes before it is connected waits in it.
  const page = await open(browser, PLAIN_PAGE);
  const rival = Program.example('plain-webrtcbin', plain(codec));
  const offer = await rival.says(/^(eyJ.*)/);
  const answer = await page.tab.evaluate(async (text) => {
    const connection = new RTCPeerConnection();
    /** @type {any} */ (window).connection = connection;
    connection.ontrack = ({ streams, track }) => {
      const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
      view.srcObject = streams[0] ?? new MediaStream([track]);
    };
    const gathered = new Promise((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve(true);
    });
    await connection.setRemoteDescription(JSON.parse(atob(text)));
    await connection.setLocalDescription();
    await gathered;
    return btoa(JSON.stringify(connection.localDescription));
  }, offer);
  rival.type(answer);
  const samples = await delays(page);
  await page.close();
  await rival.end();
  return samples;
}

// ---- All of it -------------------------------------------------------------------------------------------------

const report = new Report('picture');
/** @type {Series[]} */
const series = [];
/** @type {{browser: Kind, codec: Codec, pooled: number, ratios: number[]}[]} */
const comparisons = [];

for (const kind of options.browsers) {
  const browser = await launch(kind);
  await report.uses(kind, browser);
  const canDecode = await open(browser, PLAIN_PAGE).then(async (page) => {
    const types = await page.tab.evaluate(() => RTCRtpReceiver.getCapabilities('video')?.codecs.map(({ mimeType }) => mimeType) ?? []);
    await page.close();
    return types.map((type) => type.toLowerCase());
  });
  for (const codec of options.codecs) {
    if (!canDecode.includes(`video/${codec}`)) {
      console.error(`${kind} has no ${codec}`);
      continue;
    }
    console.error(`${kind}, ${codec}: the browser warms up`);
    await delayOfPeriscope(browser, codec);

    console.error(`${kind}, ${codec}: first picture`);
    const address = await byAddress(browser, codec);
    const paste = await byPaste(browser, codec);
    for (const [temperature, words] of /** @type {['cold' | 'warm', string][]} */ ([
      ['cold', 'first viewer'],
      ['warm', 'later ones'],
    ])) {
      series.push({ what: `page opened → first picture, ${words}`, browser: kind, codec, samples: address[temperature] });
      series.push({ what: `answer pasted → first picture, ${words}`, browser: kind, codec, samples: paste[temperature] });
    }

    console.error(`${kind}, ${codec}: delay of the picture`);
    /** @type {number[][]} */
    const ours = [];
    /** @type {number[][]} */
    const theirs = [];
    for (let load = 0; load < TIMES.loads; load++) {
      ours.push(await delayOfPeriscope(browser, codec));
      theirs.push(await delayOfPlain(browser, codec));
    }
    series.push({ what: 'delay of the picture, Periscope', browser: kind, codec, samples: ours.flat() });
    series.push({ what: 'delay of the picture, plain webrtcbin', browser: kind, codec, samples: theirs.flat() });
    const ratios = ours.map((samples, load) => summary(samples).median / summary(theirs[load] ?? []).median);
    const pooled = summary(ours.flat()).median / summary(theirs.flat()).median;
    comparisons.push({ browser: kind, codec, pooled, ratios });
  }
  await browser.close();
}

report.head('640×480, 30 pictures/s; milliseconds');
console.log(
  table([
    ['', 'browser', 'codec', 'n', 'median', 'p10', 'p90', 'p99', 'min', 'max'],
    ...series.map(({ what, browser, codec, samples }) => {
      const { n, median, p10, p90, p99, min, max } = summary(samples);
      return [what, browser, codec, String(n), ...[median, p10, p90, p99, min, max].map(ms)];
    }),
  ]),
);
console.log('\nPeriscope’s delay as a part of plain webrtcbin’s: of all pictures, and of loads that followed each other\n');
console.log(
  table([
    ['ratio of medians', 'browser', 'codec', 'all', 'pairs', 'median', 'p10', 'p90', 'min', 'max'],
    ...comparisons.map(({ browser, codec, pooled, ratios }) => {
      const { n, median, p10, p90, min, max } = summary(ratios);
      return ['', browser, codec, two(pooled), String(n), ...[median, p10, p90, min, max].map(two)];
    }),
  ]),
);

const results = series.map(({ samples, ...rest }) => ({ ...rest, unit: 'ms', ...summary(samples) }));
const ratios = comparisons.map(({ ratios: values, ...rest }) => ({ ...rest, ...summary(values), values }));
await report.save({ times: TIMES, results, ratios });
