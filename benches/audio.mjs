// @ts-check
/**
 * Measures how late sound is between bench and page, both ways, and how whole.
 *
 *   node benches/audio.mjs [--quick] [--json DIRECTORY] [--browsers chromium,firefox] [--minutes N]
 *
 * Delays are those of short bursts: from the time at which one is recorded to the time at which it is played. At the
 * bench a sound card stands in for the real one that has no buffers but the one of 10 ms in which it records (`impulses`);
 * in the page a worklet makes the bursts in place of the microphone, and another one listens where the page gets the
 * bench's sound. So there are all delays but those of sound cards, air and network. The person talks by the page's own
 * buttons. Both ends have one clock.
 *
 * Beside it stands webrtcbin in a pipeline made by hand, with its latency as it is and with the least that is advised.
 *
 * Loss takes two hosts on this machine: tests/browser/harness/lan.mjs. There both sides say what codecs take for speech,
 * because Opus has its redundancy for nothing else.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch } from '../tests/browser/harness/browsers.mjs';
import { benchOptions, isInside, Lan, moveIn } from '../tests/browser/harness/lan.mjs';
import { FILE_URL, Page } from '../tests/browser/harness/page.mjs';
import { PLUGIN_DIRECTORY } from '../tests/browser/harness/settings.mjs';
import { equip, listenIn, sounds, talk } from '../tests/browser/harness/sound.mjs';
import { SoundServer } from '../tests/browser/harness/soundserver.mjs';
import { ms, summary, table, two, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { Program } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/browsers.mjs').Browser} Browser */
/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {import('../tests/browser/harness/sound.mjs').Play} Play */
/** @typedef {'periscope' | 'webrtcbin' | 'webrtcbin, 20 ms'} Way */
/** @typedef {{page: Page, bench: Program, stop: () => Promise<void>}} Call */
/**
 * What was counted on a way: samples played and made up, packets lost, and the mean time in the jitter buffer in ms.
 * @typedef {{played: number, concealed: number, lost: number, buffered: number}} Counts
 */
/** @typedef {{kind: Kind, fec: boolean, out: Counts, back: Counts}} Lossy */

/** Milliseconds. */
const DELAY = 80;
/** Percent of samples made up where 5 % of packets get lost. */
const CONCEALED = 1;
const LOSS = 5;

const ROUNDS = options.quick ? 1 : 3;
/** Seconds that each round of each way is measured for, and those before in which buffers find their length. */
const RECORD = options.quick ? 10 : 40;
const SETTLE = options.quick ? 10 : 20;
const RECORD_LOSS = options.quick ? 20 : 120;
/** Encoders learn from reports how much gets lost. */
const SETTLE_LOSS = 15;

/** Nothing is as late as that; milliseconds. */
const FAR = 400;

/** Where the run on two hosts puts what it has measured. */
const RESULTS = 'PERISCOPE_AUDIO_RESULTS';

const CAPS = 'audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved';
const EAR = `audioconvert ! audioresample ! ${CAPS} ! fakesink name=ear sync=true async=false`;
const MOUTH = 'appsrc name=clicks ! audioconvert ! audio/x-raw,channels=1';

// ---- Calls -----------------------------------------------------------------------------------------------------

/** @param {string} words @param {string[]} [on] what runs it on another host */
function impulses(words, on = []) {
  const [program = '', ...rest] = [...on, join(PLUGIN_DIRECTORY, 'examples', 'impulses'), ...words.trim().split(/\s+/)];
  return new Program(program, rest);
}

/**
 * @param {Browser} browser
 * @param {{play?: Play, fec?: boolean, on?: string[], properties?: string}} [settings]
 * @returns {Promise<Call>}
 */
async function periscope(browser, { play = 'clicks', fec = true, on = [], properties = 'port=0' } = {}) {
  // The one encodes by Periscope's profile, the other as that does but for the redundancy.
  const encode = fec ? '' : '! audioresample ! opusenc audio-type=voice frame-size=10 bitrate=40000 inband-fec=false';
  const bench = impulses(
    `--play ${play} --measure periscope name=p console=on identity=none mdns=false audio-profile=voice ${properties}
     ${MOUTH} ${encode} ! p. p.audio_src_0 ! ${EAR}`,
    on,
  );
  await bench.code();
  bench.type('code control');
  const code = await bench.code();
  const page = new Page(await browser.newPage());
  await equip(page, play, 700);
  if (!fec) await page.tab.evaluateOnNewDocument(withoutFec);
  await page.tab.goto(FILE_URL);
  await page.enter(code);
  await talk(page);
  await listenIn(page);
  return {
    page,
    bench,
    stop: async () => {
      await page.close();
      await bench.stop();
    },
  };
}

/** Runs in the page before its own scripts: the browser is not asked for redundancy. */
function withoutFec() {
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  const ours = /** @type {any} */ (RTCPeerConnection.prototype);
  ours.setRemoteDescription = function (/** @type {RTCSessionDescriptionInit} */ { type, sdp = '' }) {
    return Reflect.apply(setRemoteDescription, this, [{ type, sdp: sdp.replaceAll('useinbandfec=1', 'useinbandfec=0') }]);
  };
}

/** @param {number} [latency] of webrtcbin, in milliseconds */
const plain = (latency) => async (/** @type {Browser} */ browser) => {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-plain-'));
  const file = join(directory, 'index.html');
  await writeFile(file, '<audio id=view autoplay></audio>');
  const page = new Page(await browser.newPage());
  await equip(page, 'clicks');
  // A page without an origin has no worklets.
  await page.tab.goto(pathToFileURL(file).href);
  const bench = Program.example(
    'plain-webrtcbin',
    `webrtcbin name=rtc bundle-policy=max-bundle ${latency === undefined ? '' : `latency=${latency} `}${MOUTH} ! audioresample ! opusenc ! rtpopuspay ! ` +
      `application/x-rtp,media=audio,encoding-name=OPUS,payload=96 ! rtc. rtc. ! rtpopusdepay ! opusdec ! ${EAR}`,
  );
  const offer = await bench.says(/^(eyJ.*)/);
  const answer = await page.tab.evaluate(async (text) => {
    const connection = new RTCPeerConnection();
    /** @type {any} */ (window).plainConnection = connection;
    connection.ontrack = ({ track }) => {
      const view = /** @type {HTMLAudioElement} */ (document.querySelector('#view'));
      view.srcObject = new MediaStream([track]);
    };
    const gathered = new Promise((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve(true);
    });
    await connection.setRemoteDescription(JSON.parse(atob(text)));
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of microphone.getTracks()) connection.addTrack(track, microphone);
    await connection.setLocalDescription();
    await gathered;
    return btoa(JSON.stringify(connection.localDescription));
  }, offer);
  bench.type(answer);
  await listenIn(page);
  return {
    page,
    bench,
    stop: async () => {
      await page.close();
      await bench.end();
      await rm(directory, { recursive: true });
    },
  };
};

/** @type {Record<Way, (browser: Browser) => Promise<Call>>} */
const WAYS = { periscope, webrtcbin: plain(), 'webrtcbin, 20 ms': plain(20) };
const ways = /** @type {Way[]} */ (Object.keys(WAYS));

// ---- What is counted -------------------------------------------------------------------------------------------

/** From each burst to the one that was heard next. @param {number[]} sent @param {number[]} heard */
const paired = (sent, heard) =>
  sent.flatMap((at) => {
    const next = heard.find((time) => time > at);
    return next !== undefined && next - at < FAR ? [next - at] : [];
  });

/** Milliseconds since 1970 in lines like `click <µs>`. @param {string[]} lines @param {string} word */
const times = (lines, word) =>
  lines.flatMap((line) => {
    const [first, time] = line.split(' ');
    return first === word ? [Number(time) / 1000] : [];
  });

/** What the page and the bench have counted so far. @param {Call} call */
async function counted({ page, bench }) {
  const out = await page.tab.evaluate(async () => {
    const world = /** @type {any} */ (window);
    /** @type {RTCPeerConnection} */
    const connection = world.plainConnection ?? world.periscope.peerConnection();
    /** @type {any} */
    let found = {};
    (await connection.getStats()).forEach((entry) => {
      if (entry.type === 'inbound-rtp' && entry.kind === 'audio') found = entry;
    });
    return {
      played: Number(found.totalSamplesReceived ?? 0),
      concealed: Number(found.concealedSamples ?? 0) - Number(found.silentConcealedSamples ?? 0),
      lost: Number(found.packetsLost ?? 0),
      waited: Number(found.jitterBufferDelay ?? 0) * 1000,
      emitted: Number(found.jitterBufferEmittedCount ?? 0),
    };
  });
  const talker = bench.lines.all.findLast((line) => line.startsWith('talker '));
  const counts = JSON.parse(talker?.slice('talker '.length) ?? '{}');
  const back = {
    played: Number(counts['played-samples'] ?? 0),
    concealed: Number(counts['concealed-samples'] ?? 0),
    lost: Number(counts['lost'] ?? 0),
    buffered: Number(counts['delay'] ?? NaN),
  };
  return { out, back };
}

/** @param {Awaited<ReturnType<typeof counted>>} before @param {Awaited<ReturnType<typeof counted>>} after */
function between(before, after) {
  const part = (/** @type {'out' | 'back'} */ way) => ({
    played: after[way].played - before[way].played,
    concealed: after[way].concealed - before[way].concealed,
    lost: after[way].lost - before[way].lost,
  });
  const buffered = (after.out.waited - before.out.waited) / (after.out.emitted - before.out.emitted);
  return { out: { ...part('out'), buffered }, back: { ...part('back'), buffered: after.back.buffered } };
}

/** @param {Counts} counts */
const percent = ({ concealed, played }) => (100 * concealed) / played;

/** Measures for a while, once a call has settled. @param {Call} call @param {number} settle seconds @param {number} record seconds */
async function measured(call, settle, record) {
  await pause(settle * 1000);
  await sounds(call.page);
  const since = call.bench.lines.count;
  const before = await counted(call);
  await pause(record * 1000);
  const after = await counted(call);
  return { counts: between(before, after), lines: call.bench.lines.all.slice(since), page: await sounds(call.page) };
}

// ---- The measurements ------------------------------------------------------------------------------------------

/** Delays by one way, in milliseconds. @param {Browser} browser @param {Way} way */
async function delays(browser, way) {
  const call = await WAYS[way](browser);
  try {
    const { counts, lines, page } = await measured(call, SETTLE, RECORD);
    return { out: paired(times(lines, 'click'), page.heard), back: paired(page.sent, times(lines, 'heard')), counts };
  } finally {
    await call.stop();
  }
}

/** A tone both ways for minutes: seconds of each with gaps or clicks in them. @param {Browser} browser */
async function tone(browser) {
  const call = await periscope(browser, { play: 'tone' });
  try {
    const { counts, lines, page } = await measured(call, SETTLE, options.minutes * 60);
    const heard = lines.filter((line) => line.startsWith('second ')).map((line) => line.split(' ').slice(1).map(Number));
    const back = heard.map(([level = NaN, , gaps = NaN, , clicks = NaN]) => ({ level, gaps, clicks }));
    return { counts, out: whole(page.seconds.map(([left]) => left)), back: whole(back) };
  } finally {
    await call.stop();
  }
}

/** @param {{level: number, gaps: number, clicks: number}[]} seconds */
function whole(seconds) {
  const sum = (/** @type {'gaps' | 'clicks'} */ what) => seconds.reduce((total, second) => total + second[what], 0);
  return { seconds: seconds.length, level: summary(seconds.map(({ level }) => level)).median, gaps: sum('gaps'), clicks: sum('clicks') };
}

/** Runs on the viewer's host: what is made up of speech while packets get lost. */
async function lossy() {
  /** @type {Lossy[]} */
  const results = [];
  const server = await SoundServer.start();
  try {
    for (const kind of options.browsers) {
      for (const fec of [true, false]) {
        console.error(`${kind}: ${LOSS} % loss, ${fec ? 'with' : 'without'} FEC`);
        const lan = await Lan.lay();
        const browser = await launch(kind, [], environmentOf(kind, server));
        try {
          const { on } = benchOptions('none');
          const call = await periscope(browser, { play: 'voice', fec, on, properties: 'port=8080' });
          try {
            await lan.lose(LOSS);
            const { counts } = await measured(call, SETTLE_LOSS, RECORD_LOSS);
            results.push({ kind, fec, ...counts });
          } finally {
            await call.stop();
          }
        } finally {
          await browser.close();
        }
      }
    }
  } finally {
    await server.stop();
  }
  await writeFile(process.env[RESULTS] ?? '', JSON.stringify(results));
}

/** @returns {Promise<Lossy[]>} */
async function withLoss() {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-audio-'));
  process.env[RESULTS] = join(directory, 'loss.json');
  try {
    const code = await moveIn(fileURLToPath(import.meta.url));
    if (code !== 0) throw new Error('the run on two hosts failed');
    return JSON.parse(await readFile(process.env[RESULTS], 'utf8'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Chromium has an audio engine without a sound card, and adds no device's buffers then. @param {Kind} kind @param {SoundServer} server */
const environmentOf = (kind, server) => (kind === 'firefox' ? { environment: server.environment } : {});

// ---- All of it -------------------------------------------------------------------------------------------------

async function all() {
  const report = new Report('audio');
  const results = [];
  const server = await SoundServer.start();
  try {
    for (const kind of options.browsers) {
      const browser = await launch(kind, [], environmentOf(kind, server));
      await report.uses(kind, browser);
      try {
        const empty = () => ({ out: /** @type {number[]} */ ([]), back: /** @type {number[]} */ ([]), rounds: /** @type {{out: number, back: number, buffered: [number, number]}[]} */ ([]) });
        const delay = { periscope: empty(), webrtcbin: empty(), 'webrtcbin, 20 ms': empty() };
        for (let round = 1; round <= ROUNDS; round++) {
          for (const way of ways) {
            console.error(`${kind}: delays, round ${round}, ${way}`);
            const { out, back, counts } = await delays(browser, way);
            delay[way].out.push(...out);
            delay[way].back.push(...back);
            const buffered = /** @type {[number, number]} */ ([counts.out.buffered, counts.back.buffered]);
            delay[way].rounds.push({ out: summary(out).median, back: summary(back).median, buffered });
          }
        }
        console.error(`${kind}: a tone for ${options.minutes} min`);
        results.push({ kind, delay, tone: await tone(browser) });
      } finally {
        await browser.close();
      }
    }
  } finally {
    await server.stop();
  }
  const loss = await withLoss();

  report.head('From microphone to loudspeaker without the devices’ own buffers; milliseconds');
  let failed = false;
  /** @param {'PASS' | 'FAIL'} word */
  const judged = (word) => {
    failed ||= word === 'FAIL';
    return word;
  };
  const rows = [['', 'browser', 'by', 'n', 'median', '90 %', '99 %', 'rounds', 'jitter buffer', 'target', '']];
  for (const { kind, delay } of results) {
    for (const [direction, words] of /** @type {const} */ ([['out', 'bench → page'], ['back', 'page → bench']])) {
      for (const way of ways) {
        const { n, median, p90, p99 } = summary(delay[way][direction]);
        const { rounds } = delay[way];
        const spread = summary(rounds.map((round) => round[direction]));
        const buffered = summary(rounds.map((round) => round.buffered[direction === 'out' ? 0 : 1])).median;
        const row = [words, kind, way, String(n), ...[median, p90, p99].map(ms), `${ms(spread.min)}–${ms(spread.max)}`, Number.isNaN(buffered) ? '' : ms(buffered)];
        if (way === 'periscope') row.push(`≤ ${DELAY}`, judged(verdict(median, DELAY)));
        rows.push(row);
      }
      for (const rival of ways.slice(1)) {
        const ratios = delay.periscope.rounds.map((round, i) => round[direction] / (delay[rival].rounds[i]?.[direction] ?? NaN));
        const { n, median, min, max } = summary(ratios);
        rows.push([`${words}, ratio of medians`, kind, `to ${rival}`, String(n), two(median), '', '', `${two(min)}–${two(max)}`, '', '', '']);
      }
    }
  }
  console.log(table(rows));
  console.log('');
  for (const { kind, tone: heard } of results) {
    for (const [direction, words] of /** @type {const} */ ([['out', 'bench → page'], ['back', 'page → bench']])) {
      const { seconds, level, gaps, clicks } = heard[direction];
      const concealed = percent(heard.counts[direction]);
      // A tone of which nothing came has no gaps either.
      const isWhole = seconds > options.minutes * 60 * 0.9 && level > -30 && gaps === 0;
      console.log(
        `${kind}, ${words}: a tone of ${seconds} s at ${ms(level)} dBFS, windows of 5 ms that are missing: ${gaps}, jumps: ${clicks}, ` +
          `concealed ${concealed.toFixed(3)} %  ${judged(isWhole ? 'PASS' : 'FAIL')}`,
      );
    }
  }
  console.log('');
  for (const one of loss) {
    for (const [direction, words] of /** @type {const} */ ([['out', 'bench → page'], ['back', 'page → bench']])) {
      const concealed = percent(one[direction]);
      const word = one.fec ? judged(verdict(concealed, CONCEALED)) : '';
      const target = one.fec ? `, at most ${CONCEALED} %` : '';
      console.log(
        `${one.kind}, ${words}: ${LOSS} % loss ${one.fec ? 'with' : 'without'} FEC: ${one[direction].lost} packets lost, concealed ${two(concealed)} %${target}  ${word}`.trimEnd(),
      );
    }
  }
  await report.save({ targets: { delay: DELAY, concealed: CONCEALED }, results, loss });
  process.exitCode = failed ? 1 : 0;
}

await (isInside ? lossy() : all());
