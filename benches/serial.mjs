// @ts-check
/**
 * Measures the way of an instrument's words through tty, bench and network into a page, and back.
 *
 *   node benches/serial.mjs [--quick] [--json DIRECTORY] [--browsers chromium,firefox]
 *
 * The instrument is `instrument-sim` on a pty: it writes the time into each of its lines, and keeps a log of the time of
 * each byte that it receives. The page is Periscope's own, by code. What is measured besides is the usual way to have a
 * serial port in a page: socat (tty to TCP) and websockify (TCP to WebSocket) on the same machine, with a page that does
 * nothing but take the lines. Both have the same line rate, one after the other in each round.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as netConnect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { kill, launch } from '../tests/browser/harness/browsers.mjs';
import { FILE_URL, Page } from '../tests/browser/harness/page.mjs';
import { PLUGIN_DIRECTORY } from '../tests/browser/harness/settings.mjs';
import { summary, table, two, verdict } from './lib/figures.mjs';
import * as options from './lib/options.mjs';
import { Program } from './lib/program.mjs';
import { Report } from './lib/report.mjs';

/** @typedef {import('../tests/browser/harness/browsers.mjs').Browser} Browser */
/** @typedef {import('../tests/browser/harness/settings.mjs').Kind} Kind */
/** @typedef {'periscope' | 'websockify'} Way */
/** @typedef {{open: (browser: Browser) => Promise<Page>, stop: () => Promise<void>}} Bridge */

/** Milliseconds, both ways. */
const TARGETS = { median: 5, p99: 15 };
/** From the end of the controlling browser to the safe string, in milliseconds. */
const SAFE = 1_000;

/** Lines per second, and how many rounds of how many lines. */
const RATE = 100;
const LINES = options.quick ? 300 : 2_000;
const COMMANDS = options.quick ? 100 : 500;
const ROUNDS = options.quick ? 1 : 3;

/** The flood: bytes per second (2 Mbit/s), in lines of so many bytes, for so many seconds. */
const FLOOD = { bytes: 250_000, line: 32, seconds: options.quick ? 10 : 60 };

const KILLS = options.quick ? 3 : 10;

// ---- What happens in the pages ---------------------------------------------------------------------------------

/**
 * Runs in the page before its own scripts: notes when which line came. Lines say `n=<number> t=<µs since 1970>`.
 */
function watch() {
  const world = /** @type {any} */ (window);
  const bench = { delays: /** @type {number[]} */ ([]), count: 0, bytes: 0, next: 1, missed: 0, offset: 0, reads: true };
  world.bench = bench;

  // The system's clock, which the lines carry, moves against the page's.
  world.setClock = () => {
    const offsets = Array.from({ length: 5 }, () => {
      const tick = Date.now();
      let now = Date.now();
      while (now === tick) now = Date.now();
      return now - performance.now();
    });
    bench.offset = offsets.sort((a, b) => a - b)[2] ?? NaN;
  };
  world.now = () => performance.now() + bench.offset;

  const decoder = new TextDecoder();
  /** @param {string} text @param {number} at */
  const line = (text, at) => {
    const time = /\bt=(\d+)/.exec(text)?.[1];
    if (time !== undefined) bench.delays.push(at - Number(time) / 1000);
  };
  world.line = line;
  /** @param {Uint8Array} bytes */
  const batch = (bytes) => {
    const at = world.now();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 4; i + 16 <= bytes.length; ) {
      const number = view.getUint32(i + 8);
      const length = view.getUint32(i + 12) & 0xffffff;
      if (number > bench.next) bench.missed += number - bench.next;
      bench.next = number + 1;
      bench.count++;
      bench.bytes += length;
      if (bench.reads) line(decoder.decode(bytes.subarray(i + 16, i + 16 + length)), at);
      i += 16 + length;
    }
  };
  const { onmessage } = Object.getOwnPropertyDescriptors(RTCDataChannel.prototype);
  Object.defineProperty(RTCDataChannel.prototype, 'onmessage', {
    ...onmessage,
    set(handler) {
      onmessage?.set?.call(this, (/** @type {MessageEvent} */ event) => {
        if (event.data instanceof ArrayBuffer) {
          const bytes = new Uint8Array(event.data);
          if (bytes[0] === 0xf5 && bytes[3] === 0x42) batch(bytes);
        }
        handler.call(this, event);
      });
    },
  });
}

/** Runs in the rival's page. @param {string} url */
function overWebSocket(url) {
  const world = /** @type {any} */ (window);
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const decoder = new TextDecoder();
  let rest = '';
  socket.onmessage = ({ data }) => {
    const at = world.now();
    const lines = (rest + decoder.decode(data, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) world.line(text, at);
  };
  world.sendToSocket = (/** @type {string} */ text) => socket.send(new TextEncoder().encode(`${text}\n`));
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(undefined));
    socket.addEventListener('error', () => reject(new Error(`no connection to ${url}`)));
  });
}

/**
 * Runs in the page: sends commands that say when they were sent, evenly.
 * @param {number} count @param {number} pause between them, in milliseconds
 */
async function sendCommands(count, pause) {
  const world = /** @type {any} */ (window);
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector('#command'));
  for (let i = 0; i < count; i++) {
    const text = `t=${Math.round(world.now() * 1000)}`;
    if (world.sendToSocket !== undefined) {
      world.sendToSocket(text);
    } else if (field !== null) {
      field.value = text;
      field.form?.requestSubmit();
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// ---- Instrument and ways ---------------------------------------------------------------------------------------

/** Instruments that count, each on a tty of its own. */
class Counter {
  /** @param {string} directory @param {string} name */
  constructor(directory, name) {
    this.tty = join(directory, name);
    this.log = `${this.tty}.log`;
  }

  /** @param {number} rate lines per second @param {number} [count] @param {number} [length] */
  async start(rate, count = 0, length = 0) {
    const parameters = `counter --link ${this.tty} --log ${this.log} --rate ${rate} --count ${count} --length ${length}`;
    this.program = Program.example('instrument-sim', parameters);
    await this.program.says(/^(tty )/);
  }

  async stop() {
    await this.program?.stop();
  }

  /** Delays of the commands that it has heard, in milliseconds. */
  async heard() {
    const log = await readFile(this.log, 'utf8');
    return log.split('\n').flatMap((line) => {
      const at = Number(line.slice(0, line.indexOf(' '))) / 1000;
      return [...line.matchAll(/t=(\d+)/g)].map(([, sent]) => at - Number(sent) / 1000);
    });
  }

  /** When it first heard this, in milliseconds since 1970. @param {string} text */
  async heardAt(text) {
    const log = await readFile(this.log, 'utf8');
    const line = log.split('\n').find((one) => one.includes(text));
    return line === undefined ? undefined : Number(line.slice(0, line.indexOf(' '))) / 1000;
  }
}

/** @param {string} tty @param {string} [settings] of the sink */
const pipeline = (tty, settings = '') =>
  `periscope name=p console=on port=0 identity=none mdns=false data_0::label=counter data_src_0::label=counter
   serialsrc device=${tty} ! p.data_0 p.data_src_0 ! serialsink device=${tty} terminator=\\\\n ${settings}`;

/** @param {string} tty @param {string} [settings] */
const bench = (tty, settings) =>
  new Program('gst-launch-1.0', ['-q', ...pipeline(tty, settings).split(/\s+/)], { GST_PLUGIN_PATH: PLUGIN_DIRECTORY });

/** A code that may send commands. @param {Program} program */
async function controlCode(program) {
  await program.code();
  program.type('code control');
  return program.code();
}

/** @param {Browser} browser @param {string} code */
async function connect(browser, code) {
  const page = new Page(await browser.newPage());
  await page.tab.evaluateOnNewDocument(watch);
  await page.tab.goto(FILE_URL);
  await page.code('offer');
  await page.enter(code);
  await page.instruments();
  await page.tab.evaluate(() => /** @type {any} */ (window).setClock());
  return page;
}

/** @type {Record<Way, (counter: Counter) => Promise<Bridge>>} */
const WAYS = {
  periscope: async ({ tty }) => {
    const program = bench(tty);
    const code = await controlCode(program);
    return { open: (browser) => connect(browser, code), stop: () => program.stop() };
  },
  websockify: async ({ tty }) => {
    const [tcp, web] = [await freePort(), await freePort()];
    const socat = new Program('socat', [`TCP-LISTEN:${tcp},bind=127.0.0.1,reuseaddr,nodelay`, `FILE:${tty},rawer`]);
    // The page comes from there, too: browsers keep pages from elsewhere away from local ports.
    const proxy = new Program('websockify', ['--web', fileURLToPath(new URL('lib/websocket', import.meta.url)), `127.0.0.1:${web}`, `127.0.0.1:${tcp}`]);
    await listens(web);
    return {
      open: async (browser) => {
        const page = new Page(await browser.newPage());
        await page.tab.evaluateOnNewDocument(watch);
        await page.tab.goto(`http://127.0.0.1:${web}/`);
        await page.tab.evaluate(() => /** @type {any} */ (window).setClock());
        await page.tab.evaluate(overWebSocket, `ws://127.0.0.1:${web}/`);
        return page;
      },
      stop: async () => {
        await Promise.all([proxy.end(), socat.end()]);
      },
    };
  },
};
const ways = /** @type {Way[]} */ (Object.keys(WAYS));

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });

/** @param {number} port */
async function listens(port) {
  for (;;) {
    const socket = netConnect(port, '127.0.0.1');
    const isThere = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await pause(50);
  }
}

// ---- The measurements ------------------------------------------------------------------------------------------

/** Both delays by one way, in milliseconds. @param {Kind} kind @param {string} directory @param {Way} way @param {Report} [report] */
async function delays(kind, directory, way, report) {
  const counter = new Counter(directory, `${way}-tty`);
  await counter.start(RATE);
  const bridge = await WAYS[way](counter);
  const browser = await launch(kind);
  try {
    await report?.uses(kind, browser);
    const page = await bridge.open(browser);
    const settled = RATE;
    await page.until('lines', (wanted) => /** @type {any} */ (window).bench.delays.length >= wanted, settled);
    await page.tab.evaluate(() => /** @type {any} */ (window).bench.delays.splice(0));
    await page.until('all lines', (wanted) => /** @type {any} */ (window).bench.delays.length >= wanted, LINES / ROUNDS);
    const out = /** @type {number[]} */ (await page.tab.evaluate(() => /** @type {any} */ (window).bench.delays));
    await page.tab.evaluate(sendCommands, COMMANDS / ROUNDS, 20);
    await pause(200);
    await counter.stop();
    return { out, back: await counter.heard() };
  } finally {
    await browser.close();
    await bridge.stop();
    await counter.stop();
  }
}

/** What two viewers get of a flood. @param {Kind} kind @param {string} directory */
async function flood(kind, directory) {
  const counter = new Counter(directory, 'flood-tty');
  const program = bench(counter.tty);
  const code = await controlCode(program);
  const browsers = [await launch(kind), await launch(kind)];
  try {
    const pages = await Promise.all(browsers.map((browser) => connect(browser, code)));
    for (const page of pages) await page.tab.evaluate(() => void (/** @type {any} */ (window).bench.reads = false));
    const rate = FLOOD.bytes / FLOOD.line;
    const count = Math.round(rate * FLOOD.seconds);
    const begun = performance.now();
    await counter.start(rate, count, FLOOD.line);
    /** @type {{count: number, missed: number, bytes: number}[]} */
    let got = [];
    for (let still = 0, last = ''; still < 20; ) {
      await pause(250);
      got = await Promise.all(
        pages.map(async ({ tab }) => {
          const { count: messages, missed, bytes } = await tab.evaluate(() => /** @type {any} */ (window).bench);
          return { count: messages, missed, bytes };
        }),
      );
      if (got.every((one) => one.count >= count)) break;
      const state = JSON.stringify(got);
      still = state === last ? still + 1 : 0;
      last = state;
    }
    const lost = await Promise.all(pages.map(({ tab }) => tab.$eval('#lost', (box) => box.textContent ?? '')));
    return { sent: count, seconds: (performance.now() - begun) / 1000, got, lost };
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
    await program.stop();
    await counter.stop();
  }
}

/** From the end of the browser in control to the safe string at the tty, in milliseconds. @param {Kind} kind @param {string} directory @param {number} number */
async function killed(kind, directory, number) {
  const counter = new Counter(directory, `killed-${number}`);
  await counter.start(10);
  const program = bench(counter.tty, 'safe-string=RX;');
  const browser = await launch(kind);
  try {
    const page = await connect(browser, await controlCode(program));
    await page.tab.evaluate(sendCommands, 1, 0);
    while ((await counter.heard()).length === 0) await pause(20);
    // Somewhere between two heartbeats.
    await pause(300 + Math.random() * 200);
    const at = Date.now();
    await kill(browser);
    for (;;) {
      const safe = await counter.heardAt('RX;');
      if (safe !== undefined) return safe - at;
      await pause(20);
    }
  } finally {
    await browser.close().catch(() => {});
    await program.stop();
    await counter.stop();
  }
}

// ---- All of it -------------------------------------------------------------------------------------------------

const report = new Report('serial');
const directory = await mkdtemp(join(tmpdir(), 'periscope-serial-'));
const results = [];
try {
  for (const kind of options.browsers) {
    /** @type {Record<Way, {out: number[], back: number[], rounds: {out: number, back: number}[]}>} */
    const delay = { periscope: { out: [], back: [], rounds: [] }, websockify: { out: [], back: [], rounds: [] } };
    for (let round = 1; round <= ROUNDS; round++) {
      for (const way of ways) {
        console.error(`${kind}: delays, round ${round}, ${way}`);
        const { out, back } = await delays(kind, directory, way, report);
        delay[way].out.push(...out);
        delay[way].back.push(...back);
        delay[way].rounds.push({ out: summary(out).median, back: summary(back).median });
      }
    }
    console.error(`${kind}: flood`);
    const flooded = await flood(kind, directory);
    const kills = [];
    for (let i = 0; i < KILLS; i++) {
      console.error(`${kind}: the controller is killed, ${i + 1}`);
      kills.push(await killed(kind, directory, i));
    }
    results.push({ kind, delay, flooded, kills });
  }
} finally {
  await rm(directory, { recursive: true });
}

report.head('Lines from the tty into the page and commands from the page to the tty; milliseconds');
let failed = false;
const rows = [['', 'browser', 'by', 'n', 'median', '25 %', '75 %', '99 %', 'max', 'target', '']];
for (const { kind, delay } of results) {
  for (const [direction, words] of /** @type {const} */ ([['out', 'tty → page'], ['back', 'page → tty']])) {
    for (const way of ways) {
      const { n, median, p25, p75, p99, max } = summary(delay[way][direction]);
      const row = [words, kind, way, String(n), ...[median, p25, p75, p99, max].map(two)];
      if (way === 'periscope') {
        const word = median <= TARGETS.median && p99 <= TARGETS.p99 ? 'PASS' : 'FAIL';
        failed ||= word === 'FAIL';
        row.push(`≤ ${TARGETS.median}, 99 % ≤ ${TARGETS.p99}`, word);
      }
      rows.push(row);
    }
    const ratios = delay.periscope.rounds.map((round, i) => round[direction] / (delay.websockify.rounds[i]?.[direction] ?? NaN));
    const { n, median, min, max } = summary(ratios);
    rows.push([`${words}, ratio of medians`, kind, '', String(n), two(median), '', '', '', two(max), `from ${two(min)}`, '']);
  }
}
console.log(table(rows));
console.log('');
for (const { kind, flooded, kills } of results) {
  const { sent, seconds, got } = flooded;
  for (const [i, { count, missed, bytes }] of got.entries()) {
    const word = verdict(sent - count + missed, 0);
    failed ||= word === 'FAIL';
    console.log(`${kind}: flood, viewer ${i + 1}: ${count} of ${sent} messages, ${missed} missed, ${((bytes * 8) / seconds / 1e6).toFixed(2)} Mbit/s of content for ${seconds.toFixed(0)} s  ${word}`);
  }
  const { n, median, min, max } = summary(kills);
  const word = verdict(max, SAFE);
  failed ||= word === 'FAIL';
  console.log(`${kind}: controller killed → safe string at the tty: median ${Math.round(median)} ms (${Math.round(min)}–${Math.round(max)}, n = ${n}), at most ${SAFE}  ${word}`);
}
await report.save({ targets: { ...TARGETS, safe: SAFE }, results });
process.exitCode = failed ? 1 : 0;
