// @ts-check
/**
 * Measures Periscope side by side with webrtcsink (gst-plugin-webrtc) and with a webrtcbin for each viewer.
 *
 *   node benches/versus.mjs [--quick] [--parts curve,many,profile,data,picture] [--rounds N] [--json DIRECTORY]
 *                           [--browsers chromium,firefox] [--codecs h264,vp8]
 *
 * Needs `cargo build --release --lib`, and the same for the crate in benches/versus; scripts/bench does it all. The figures
 * go to benches/results/versus.md and versus.json, those of some parts to versus-<parts>, or to the directory that is named.
 *
 *   curve    what each further viewer costs the sending process: viewers that count packets and decode nothing
 *   many     a hundred viewers of one encoder, and fifty who come at once
 *   profile  where the time of the sending process goes
 *   data     how long a message takes to the bench and back, and how many get through, beside the pictures
 *   picture  how old pictures are when a browser shows them, and how soon the first comes
 *
 * Those that are compared take turns: A B A B. All traffic stays on the loopback interface: light viewers use 127.0.0.1,
 * browsers an address of this machine.
 */

import { readFile } from 'node:fs/promises';
import { cpus, networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launch } from '../tests/browser/harness/browsers.mjs';
import * as channel from './lib/channel.mjs';
import { markdown, ms, slope, summary, two, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { delays, firstPicture, open, PLAIN_PAGE } from './lib/pictures.mjs';
import { profile } from './lib/profile.mjs';
import { cpuTime, holdings, machineTime, systemCalls, udpDrops } from './lib/process.mjs';
import { Report } from './lib/report.mjs';
import { Show } from './lib/show.mjs';
import { WAYS, words } from './lib/ways.mjs';

/** @typedef {import('../tests/browser/harness/browsers.mjs').Browser} Browser */
/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {import('./lib/ways.mjs').Scene} Scene */
/** @typedef {import('./lib/ways.mjs').Way} Way */
/** @typedef {Awaited<ReturnType<typeof measured>>} Sample */
/** @typedef {Sample & {way: Way, round: number}} Level */
/** @typedef {{way: Way, scene: Scene, browser: Kind, delays: number[][], first: number[]}} Series */
/** @typedef {{what: string, value: number, most: number, unit: string}} Judgement */

const TARGETS = {
  /** Periscope’s median delay and 99th percentile, as parts of webrtcsink’s median. */
  median: 0.5,
  p99: 1,
  /** Processor time for each further viewer, as a part of webrtcsink’s. */
  raw: 1 / 20,
  encoded: 1,
  /** Microseconds of processor time for each packet. */
  packet: 11,
};

/** @type {Scene} */
const BROADCAST = { width: 1280, height: 720, rate: 30, sweep: false, codec: 'h264', kbit: 2_000, sound: false, address: '127.0.0.1' };
/** @type {Way[]} */
const CURVES = ['periscopeRaw', 'webrtcsinkRaw', 'periscopeEncoded', 'webrtcsinkEncoded', 'plain'];
const LEVELS = options.quick ? [0, 1, 16] : [0, 1, 2, 4, 8, 16, 32, 64, 100];
/** Milliseconds: what follows a key frame is over; then it is measured. */
const SETTLE = options.quick ? 1_000 : 2_000;
const MEASURE = options.quick ? 2_000 : 5_000;
/** A curve ends where the sender takes so much of the machine. */
const ENOUGH = 0.8;

const MANY = { viewers: 100, measure: options.quick ? 5_000 : 30_000, crowd: 50, crowds: options.quick ? 1 : 3 };
/** @type {Way[]} */
const CROWDS = options.quick ? ['periscopeRaw'] : ['periscopeRaw', 'webrtcsinkEncoded', 'plain'];

/** @type {Way[]} */
const PROFILED = ['periscopeEncoded', 'periscopeThrough', 'webrtcsinkEncoded', 'plain'];
const PROFILE = { viewers: options.quick ? 8 : 24, seconds: options.quick ? 3 : 10 };

/** @type {Way[]} */
const ECHOES = ['periscopeEcho', 'plain'];
const MESSAGES = {
  short: { bytes: 64, gap: 5, each: 20, samples: options.quick ? 10 : 40 },
  long: { bytes: 8_192, underWay: 32, seconds: options.quick ? 2 : 5 },
};

/** @type {Way[]} */
const SHOWN = ['periscopeRaw', 'webrtcsinkRaw', 'plain'];
/** @type {[width: number, height: number, rate: number, sound: boolean][]} */
const SCENES = options.quick
  ? [[640, 480, 30, false]]
  : [
      [640, 480, 30, false],
      [640, 480, 60, false],
      [1280, 720, 30, false],
      [1280, 720, 60, false],
      [640, 480, 30, true],
    ];

/** Browsers do not connect to 127.0.0.1; what goes to an address of this machine does not leave it, either. */
const OWN_ADDRESS =
  Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry?.family === 'IPv4' && !entry.internal)?.address ?? '127.0.0.1';

/** What takes a browser. @type {Kind[]} */
const BROWSERS = options.quick ? options.browsers.slice(0, 1) : options.browsers;
const ROUNDS = options.rounds ?? (options.quick ? 1 : 3);
const RESULTS = fileURLToPath(new URL('results', import.meta.url));

// Node leaves its children behind when a signal ends it; on `exit` they are ended.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// ---- What a viewer costs ---------------------------------------------------------------------------------------

/**
 * What the sender does for those who are there.
 * @param {Show} show
 * @param {number} duration
 */
async function measured(show, duration) {
  const { pid } = show.sender;
  await pause(SETTLE);
  show.reset();
  const before = { at: performance.now(), cpu: await cpuTime(pid), machine: await machineTime(), drops: await udpDrops(), pictures: await show.pictures() };
  await pause(duration);
  const [cpu, machine, at] = [await cpuTime(pid), await machineTime(), performance.now()];
  const counts = await show.counts();
  const seconds = (at - before.at) / 1000;
  const drops = await udpDrops();
  const sum = (/** @type {(one: import('./lib/show.mjs').Counts) => number} */ of) => counts.reduce((all, one) => all + of(one), 0);
  return {
    viewers: show.count,
    triesAgain: show.triesAgain,
    seconds,
    /** Of one core. */
    cpu: ((cpu - before.cpu) / seconds) * 100,
    /** Of all cores, whoever took them. */
    machine: ((machine.busy - before.machine.busy) / (machine.all - before.machine.all)) * 100,
    packets: sum(({ packets }) => packets) / seconds,
    kbit: (sum(({ bytes }) => bytes) * 8) / 1000 / seconds / Math.max(1, counts.length),
    pictures: sum(({ pictures }) => pictures),
    /** By their RTP times, none being left out. */
    expected: sum(({ span, pictures }) => (pictures === 0 ? 0 : Math.round((span * show.scene.rate) / 90_000) + 1)),
    leastPictures: counts.length === 0 ? 0 : Math.min(...counts.map(({ pictures }) => pictures)),
    sourcePictures: (await show.pictures()) - before.pictures,
    lost: sum(({ lost }) => lost),
    dropped: { received: drops.received - before.drops.received, sent: drops.sent - before.drops.sent },
    ...(await holdings(pid)),
    // Counting costs a little, too: only after everything else.
    calls: await systemCalls(pid, 1),
  };
}

/** Whether everybody gets everything. @param {Sample} sample @param {number} rate */
const isHeld = ({ viewers, leastPictures, lost, expected, pictures, seconds }, rate) =>
  viewers === 0 || (lost <= 0 && pictures >= expected && leastPictures >= Math.floor(seconds * rate * 0.98) - 1);

/** More and more viewers, as far as it goes. @param {Way} way @param {number} round */
async function climb(way, round) {
  /** @type {Level[]} */
  const levels = [];
  const show = await Show.open(way, BROADCAST);
  try {
    for (const viewers of LEVELS) {
      await show.come(viewers - show.count);
      const level = { way, round, ...(await measured(show, MEASURE)) };
      levels.push(level);
      console.error(`  ${viewers}: ${level.cpu.toFixed(0)} %, ${level.packets.toFixed(0)} packets/s, ${level.kbit.toFixed(0)} kbit/s each, lost ${level.lost}, machine ${level.machine.toFixed(0)} %${level.triesAgain > 0 ? `, tried again: ${level.triesAgain}` : ''}`);
      const isStarved = viewers > 0 && level.leastPictures < level.sourcePictures / 2;
      if (level.cpu > ENOUGH * 100 * cpus().length || isStarved) break;
    }
  } catch (error) {
    console.error(`  ${WAYS[way].words} ends here: ${error instanceof Error ? error.message : error}`);
  }
  for (const failure of show.failures.slice(0, 5)) console.error(`  ${failure}`);
  await show.close();
  return levels;
}

/**
 * What a further viewer costs in one round: over all numbers of viewers at which everybody got everything.
 * @param {Level[]} levels
 */
function perViewer(levels) {
  const held = levels.filter((level) => level.viewers > 0 && isHeld(level, BROADCAST.rate));
  // The first viewer may start an encoder that is there for all; where no second one is held, it is his.
  const used = held.length > 1 ? held : levels.filter((level) => isHeld(level, BROADCAST.rate));
  const by = (/** @type {(level: Level) => number} */ of) => slope(used.map((level) => [level.viewers, of(level)]));
  const cpu = by((level) => level.cpu);
  return {
    most: Math.max(0, ...held.map(({ viewers }) => viewers)),
    cpu,
    packet: (cpu / 100 / by((level) => level.packets)) * 1e6,
    threads: by((level) => level.threads),
    descriptors: by((level) => level.descriptors),
    rss: by((level) => level.rss),
    pss: by((level) => level.pss),
    /** System calls for each packet, where there are most viewers. */
    calls: held.map(({ calls, packets }) => calls / packets).at(-1) ?? NaN,
  };
}

// ---- Many ------------------------------------------------------------------------------------------------------

async function hundred() {
  const show = await Show.open('periscopeRaw', BROADCAST);
  // In groups, as a class comes in.
  while (show.count < MANY.viewers) await show.come(Math.min(20, MANY.viewers - show.count));
  const sample = await measured(show, MANY.measure);
  const { failures } = show;
  await show.close();
  return { ...sample, failures, held: isHeld(sample, BROADCAST.rate) && failures.length === 0 };
}

/** Milliseconds until each of those who come at once sees something. @param {Way} way */
async function crowd(way) {
  const show = await Show.open(way, BROADCAST);
  try {
    return await show.come(MANY.crowd);
  } finally {
    await show.close();
  }
}

/** Microseconds for each packet, by what they are spent for. @param {Way} way */
async function spent(way) {
  const show = await Show.open(way, BROADCAST);
  try {
    await show.come(PROFILE.viewers);
    // Perf takes some of the time itself: how much there is in all is measured without it.
    const sample = await measured(show, MEASURE);
    const parts = await profile(show.sender.pid, PROFILE.seconds);
    if (parts === null) return undefined;
    const each = (/** @type {number} */ part) => ((part * sample.cpu) / 100 / sample.packets) * 1e6;
    return { way, packets: sample.packets, cpu: sample.cpu, micros: Object.fromEntries(Object.entries(parts).map(([kind, part]) => [kind, each(part)])) };
  } finally {
    await show.close();
  }
}

// ---- Messages --------------------------------------------------------------------------------------------------

/** @param {Browser} browser @param {Way} way */
async function echoed(browser, way) {
  const show = await Show.open(way, { ...BROADCAST, width: 640, height: 480, address: OWN_ADDRESS }, { VERSUS_ECHO: channel.LABEL });
  const page = await channel.open(browser, show.page ?? PLAIN_PAGE);
  try {
    if (show.page === null) await show.showIn(page);
    await channel.isOpen(page);
    // Who sends a command has control from then on.
    if (show.page !== null) await page.command('begin');
    await pause(SETTLE);
    return { trips: await channel.roundTrips(page, MESSAGES.short), throughput: await channel.throughput(page, MESSAGES.long) };
  } finally {
    await page.close();
    await show.close();
  }
}

// ---- Pictures --------------------------------------------------------------------------------------------------

/** @param {Browser} browser @param {Way} way @param {Scene} scene */
async function shown(browser, way, scene) {
  const show = await Show.open(way, scene);
  // As if a person had yet to read the address.
  await pause(1_000);
  const page = await open(browser, show.page ?? PLAIN_PAGE);
  try {
    if (show.page === null) await show.showIn(page);
    const first = await firstPicture(page);
    return { first, delays: await delays(page) };
  } catch (error) {
    throw new Error(`${WAYS[way].words}, ${words(scene)}: ${error}; ${show.failures.join('; ')}`);
  } finally {
    await page.close();
    await show.close();
  }
}

/** @param {Kind} kind @param {Report} report */
async function inBrowser(kind, report) {
  /** @type {Series[]} */
  const series = [];
  const browser = await launch(kind);
  await report.uses(kind, browser);
  const page = await open(browser, PLAIN_PAGE);
  const types = await page.tab.evaluate(() => RTCRtpReceiver.getCapabilities('video')?.codecs.map(({ mimeType }) => mimeType) ?? []);
  await page.close();
  for (const codec of options.codecs) {
    if (!types.some((type) => type.toLowerCase() === `video/${codec}`)) {
      console.error(`${kind} has no ${codec}`);
      continue;
    }
    for (const [width, height, rate, sound] of SCENES) {
      /** @type {Scene} */
      const scene = { width, height, rate, sweep: true, codec, kbit: 2_000, sound, address: OWN_ADDRESS };
      const own = SHOWN.map((way) => ({ way, scene, browser: kind, delays: /** @type {number[][]} */ ([]), first: /** @type {number[]} */ ([]) }));
      for (let round = 0; round < ROUNDS; round++) {
        for (const one of own) {
          console.error(`${kind}, ${words(scene)}: ${WAYS[one.way].words}`);
          const load = await shown(browser, one.way, scene).catch((error) => console.error(`  ${error}`));
          if (load === undefined) continue;
          one.delays.push(load.delays);
          one.first.push(load.first);
        }
      }
      series.push(...own);
    }
  }
  await browser.close();
  return series;
}

// ---- All of it -------------------------------------------------------------------------------------------------

/** What is not measured is not in the file: parts alone do not take the place of the whole. */
const report = new Report(options.isWhole ? 'versus' : `versus-${options.parts.join('-')}`);
/** @type {Level[]} */
const levels = [];
/** @type {Judgement[]} */
const judgements = [];
/** @type {string[]} */
const text = [];
/** @type {Record<string, unknown>} */
const results = { targets: TARGETS, rounds: ROUNDS };

const lock = await readFile(new URL('versus/Cargo.lock', import.meta.url), 'utf8');
const rivals = ['gst-plugin-webrtc', 'gst-plugin-rtp', 'str0m'].map((name) => `${name} ${new RegExp(`name = "${name}"\nversion = "(.*)"`).exec(lock)?.[1]}`);

/** @param {Judgement} judgement */
const judgementOf = ({ value, most }) => (Number.isNaN(value) ? 'not measured' : verdict(value, most));

/** Writes what there is so far; gives it. */
async function written() {
  const judged = markdown([
    ['', '', 'at most', ''],
    ...judgements.map((one) => [one.what, `${one.value.toFixed(3)} ${one.unit}`.trim(), `${one.most} ${one.unit}`.trim(), judgementOf(one)]),
  ]);
  const page = [
    `# Periscope, webrtcsink, webrtcbin\n`,
    `${report.lines().join('  \n')}  \n${rivals.join(', ')}\n`,
    `\`scripts/bench versus\` made this file. Everything ran on this one machine, and the viewers took their part of it. ` +
      `[lib/ways.mjs](../lib/ways.mjs) has the pipelines and says how the rivals are set; those compared took turns.\n`,
    `## Targets\n\n${judged}\n`,
    ...text,
  ].join('\n');
  await report.save({ rivals, ...results, judgements }, { directory: options.json ?? RESULTS, text: page });
  return page;
}

if (options.parts.includes('curve')) {
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of CURVES) {
      console.error(`round ${round + 1}: ${WAYS[way].words}`);
      levels.push(...(await climb(way, round)));
    }
  }
  /** Of each round. @type {Record<string, ReturnType<typeof perViewer>[]>} */
  const costs = Object.fromEntries(
    CURVES.map((way) => [way, Array.from({ length: ROUNDS }, (_, round) => perViewer(levels.filter((one) => one.way === way && one.round === round)))]),
  );
  /** @param {Way} way @param {keyof ReturnType<typeof perViewer>} what */
  const cost = (way, what) => summary((costs[way] ?? []).map((one) => one[what]).filter(Number.isFinite));
  const range = (/** @type {ReturnType<typeof summary>} */ { median, min, max }, /** @type {(value: number) => string} */ form = two) =>
    Number.isNaN(median) ? '–' : min === max ? form(median) : `${form(median)} (${form(min)}–${form(max)})`;
  results['levels'] = levels;
  results['perViewer'] = costs;

  text.push(
    `## What a further viewer costs the sending process\n`,
    `${words(BROADCAST)}, ${BROADCAST.kbit} kbit/s. Slopes over all numbers of viewers, from 1, at which every viewer got every picture; median of ${ROUNDS} rounds (least–greatest). System calls are those of the whole process, by perf, with the most viewers.\n`,
    markdown([
      ['', 'held up to', 'CPU, % of a core', 'µs per packet', 'system calls per packet', 'threads', 'descriptors', 'RSS, MiB', 'PSS, MiB'],
      ...CURVES.map((way) => [
        WAYS[way].words,
        range(cost(way, 'most'), String),
        range(cost(way, 'cpu')),
        range(cost(way, 'packet'), ms),
        range(cost(way, 'calls')),
        range(cost(way, 'threads'), ms),
        range(cost(way, 'descriptors'), ms),
        range(cost(way, 'rss')),
        range(cost(way, 'pss')),
      ]),
    ]),
    `\nCPU of the sending process in % of one core, medians; in brackets what of the pictures came, where that is not all\n`,
    markdown([
      ['viewers', ...LEVELS.map(String)],
      ...CURVES.map((way) => [
        WAYS[way].words,
        ...LEVELS.map((viewers) => {
          const here = levels.filter((level) => level.way === way && level.viewers === viewers);
          if (here.length === 0) return '–';
          const part = summary(here.map((level) => level.pictures / Math.max(1, level.sourcePictures * level.viewers))).median;
          const cpu = summary(here.map((level) => level.cpu)).median.toFixed(0);
          return viewers > 0 && part < 0.98 ? `${cpu} (${(part * 100).toFixed(0)} %)` : cpu;
        }),
      ]),
    ]),
    `\nBitrate for each viewer, kbit/s\n`,
    markdown([
      ['viewers', ...LEVELS.slice(1).map(String)],
      ...CURVES.map((way) => [
        WAYS[way].words,
        ...LEVELS.slice(1).map((viewers) => {
          const here = levels.filter((level) => level.way === way && level.viewers === viewers);
          return here.length === 0 ? '–' : summary(here.map((level) => level.kbit)).median.toFixed(0);
        }),
      ]),
    ]),
    '',
  );
  const ratio = (/** @type {Way} */ ours, /** @type {Way} */ theirs) => cost(ours, 'cpu').median / cost(theirs, 'cpu').median;
  judgements.push(
    { what: 'CPU per further viewer, raw video, as a part of webrtcsink’s', value: ratio('periscopeRaw', 'webrtcsinkRaw'), most: TARGETS.raw, unit: '' },
    { what: 'CPU per further viewer, encoded video, as a part of webrtcsink’s', value: ratio('periscopeEncoded', 'webrtcsinkEncoded'), most: TARGETS.encoded, unit: '' },
    { what: 'CPU per packet, raw video', value: cost('periscopeRaw', 'packet').median, most: TARGETS.packet, unit: 'µs' },
    { what: 'CPU per packet, encoded video', value: cost('periscopeEncoded', 'packet').median, most: TARGETS.packet, unit: 'µs' },
  );
  await written();
}

if (options.parts.includes('many')) {
  console.error(`${MANY.viewers} viewers`);
  const many = await hundred();
  /** @type {Record<string, number[][]>} */
  const crowds = Object.fromEntries(CROWDS.map((way) => [way, []]));
  for (let round = 0; round < MANY.crowds; round++) {
    for (const way of CROWDS) {
      console.error(`${MANY.crowd} at once: ${WAYS[way].words}`);
      const waits = await crowd(way).catch((error) => console.error(`  ${error}`));
      if (waits !== undefined) crowds[way]?.push(waits);
    }
  }
  results['many'] = many;
  results['crowds'] = crowds;
  text.push(
    `## ${MANY.viewers} viewers of one encoder\n`,
    `Periscope, ${words(BROADCAST)}, ${many.kbit.toFixed(0)} kbit/s each, ${many.seconds.toFixed(0)} s: ${many.pictures} pictures came of ${many.expected}, ` +
      `${many.lost} packets are missing; ${many.sourcePictures} pictures left the source, the viewer with the fewest got ${many.leastPictures}. ` +
      `Linux dropped ${many.dropped.received} datagrams at full sockets of receivers and ${many.dropped.sent} at the sender’s.`,
    `The sender took ${many.cpu.toFixed(0)} % of a core for ${many.packets.toFixed(0)} packets/s, ${many.threads} threads, ${many.descriptors} descriptors, ${many.rss.toFixed(0)} MiB; the machine was ${many.machine.toFixed(0)} % busy, viewers included.`,
    ...(many.triesAgain > 0 ? [`Viewers had to try again ${many.triesAgain} times until they saw something.`] : []),
    ...many.failures.slice(0, 3),
    `\n## ${MANY.crowd} viewers who come at once\n`,
    `Milliseconds from the wish to the first whole key frame, nobody having been there before; medians of ${MANY.crowds} rounds.\n`,
    markdown([
      ['', 'rounds', 'median viewer', 'last viewer'],
      ...CROWDS.map((way) => {
        const rounds = (crowds[way] ?? []).map(summary);
        return [
          WAYS[way].words,
          String(rounds.length),
          summary(rounds.map(({ median }) => median)).median.toFixed(0),
          summary(rounds.map(({ max }) => max)).median.toFixed(0),
        ];
      }),
    ]),
    '',
  );
  judgements.push({ what: `viewers of ${MANY.viewers} who are not held`, value: many.held ? 0 : 1, most: 0, unit: '' });
  await written();
}

if (options.parts.includes('profile')) {
  /** @type {NonNullable<Awaited<ReturnType<typeof spent>>>[]} */
  const profiles = [];
  for (const way of PROFILED) {
    console.error(`profile: ${WAYS[way].words}`);
    const one = await spent(way).catch((error) => console.error(`  ${error}`));
    if (one !== undefined) profiles.push(one);
  }
  results['profiles'] = profiles;
  const kinds = Object.keys(profiles[0]?.micros ?? {});
  text.push(
    `## Where the time goes\n`,
    `${PROFILE.viewers} viewers: µs of the sending process's time for each packet, by perf's samples of ${PROFILE.seconds} s. Source and encoder run once for all; “through webrtcbin” is what Periscope does where lips are kept in step.\n`,
    markdown([
      ['', 'packets/s', 'CPU, %', ...kinds],
      ...profiles.map(({ way, packets, cpu, micros }) => [WAYS[way].words, packets.toFixed(0), cpu.toFixed(0), ...kinds.map((kind) => ms(micros[kind] ?? NaN))]),
    ]),
    '',
  );
  await written();
}

if (options.parts.includes('data')) {
  /** @type {{browser: Kind, way: Way, trips: number[][], throughput: number[]}[]} */
  const echoes = [];
  for (const kind of BROWSERS) {
    const browser = await launch(kind);
    await report.uses(kind, browser);
    const own = ECHOES.map((way) => ({ browser: kind, way, trips: /** @type {number[][]} */ ([]), throughput: /** @type {number[]} */ ([]) }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of own) {
        console.error(`${kind}, messages: ${WAYS[one.way].words}`);
        const load = await echoed(browser, one.way).catch((error) => console.error(`  ${error}`));
        if (load === undefined) continue;
        one.trips.push(load.trips);
        one.throughput.push(load.throughput);
      }
    }
    echoes.push(...own);
    await browser.close();
  }
  results['messages'] = echoes.map(({ trips, ...rest }) => ({ ...rest, trip: summary(trips.flat()), loads: trips.map(summary) }));
  text.push(
    `## Messages\n`,
    `A page sends to the bench and gets back what it sent, beside 640×480 at 30 pictures/s; Periscope's page also keeps a log and sends a heartbeat. ` +
      `There and back: milliseconds for ${MESSAGES.short.bytes} bytes, one at a time, means of ${MESSAGES.short.each}. ` +
      `Throughput: Mbit/s each way, ${MESSAGES.long.underWay} messages of ${MESSAGES.long.bytes} bytes under way. ${ROUNDS} loads each.\n`,
    markdown(
      [
        ['', 'browser', 'there and back: median', 'p10', 'p99', 'throughput: median', 'min', 'max'],
        ...echoes.map(({ browser, way, trips, throughput }) => {
          const [trip, through] = [summary(trips.flat()), summary(throughput)];
          return [WAYS[way].words, browser, ...[trip.median, trip.p10, trip.p99].map(two), ...[through.median, through.min, through.max].map(ms)];
        }),
      ],
      2,
    ),
    '',
  );
  await written();
}

if (options.parts.includes('picture')) {
  /** @type {Series[]} */
  const series = [];
  for (const kind of BROWSERS) series.push(...(await inBrowser(kind, report)));
  results['pictures'] = series.map(({ delays: loads, first, ...rest }) => ({ ...rest, delay: summary(loads.flat()), loads: loads.map(summary), first }));
  text.push(
    `## Pictures in browsers\n`,
    `Milliseconds from the time painted into a picture to its presentation; first picture: from the opening of Periscope’s page, or from the wish of a page that is open. Sources are a 240th slower than said, so that in each load every phase between source and screen (60 Hz) comes once. ${ROUNDS} loads each.\n`,
    markdown(
      [
        ['', 'browser', 'way', 'pictures', 'median', 'p10', 'p90', 'p99', 'max', 'first picture'],
        ...series.map(({ scene, browser, way, delays: loads, first }) => {
          const { n, median, p10, p90, p99, max } = summary(loads.flat());
          return [words(scene), browser, WAYS[way].words, String(n), ...[median, p10, p90, p99, max].map(ms), summary(first).median.toFixed(0)];
        }),
      ],
      3,
    ),
    '',
  );
  for (const one of series.filter(({ way }) => way === 'periscopeRaw')) {
    const rival = series.find(({ way, scene, browser }) => way === 'webrtcsinkRaw' && scene === one.scene && browser === one.browser);
    const [ours, theirs] = [summary(one.delays.flat()), summary((rival?.delays ?? []).flat())];
    const where = `${one.browser}, ${words(one.scene)}`;
    judgements.push(
      { what: `median delay as a part of webrtcsink’s, ${where}`, value: ours.median / theirs.median, most: TARGETS.median, unit: '' },
      { what: `99th percentile as a part of webrtcsink’s median, ${where}`, value: ours.p99 / theirs.median, most: TARGETS.p99, unit: '' },
    );
  }
}

console.log(await written());
if (judgements.some((one) => judgementOf(one) !== 'PASS')) process.exitCode = 1;
