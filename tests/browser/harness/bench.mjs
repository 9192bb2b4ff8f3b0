// @ts-check
/**
 * A bench under test: gst-launch-1.0 with a pipeline around `periscope name=p`, its console in our hands.
 *
 * File descriptor 3 of the process takes what a test writes, 4 gives what the pipeline writes: `fdsrc fd=3`,
 * `fdsink fd=4`.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Bytes, Lines } from './lines.mjs';
import { LIMIT, PLUGIN_DIRECTORY } from './settings.mjs';

/**
 * @typedef {object} Options
 * @property {boolean} [http] whether the page is served
 * @property {Record<string, string | number | boolean>} [settings] properties of the element
 * @property {Record<string, string>} [environment]
 * @property {string[]} [on] a command that runs another one, on the host where the bench stands
 * @property {string[]} [by] a program that runs the pipeline in place of gst-launch-1.0, and what it takes before it
 */

/** How often a bench is asked that does not tell by itself, in milliseconds. */
const POLL = 100;

/** What shows that the element is broken, whatever the test is about. */
const ALARMS = /panicked|CRITICAL|assertion .* failed|GStreamer-WARNING|GLib-GObject-WARNING/;

export class Bench {
  /** Messages that went into `data_src` pads and out of `fdsink fd=4`. */
  output;
  stdout;
  stderr;
  #process;
  #input;
  #exit;

  /** @param {import('node:child_process').ChildProcess} process */
  constructor(process) {
    const [, stdout, stderr, input, output] = /** @type {any[]} */ (process.stdio);
    this.#process = process;
    this.stdout = new Lines(stdout, 'the bench');
    this.stderr = new Lines(stderr, 'the bench’s standard error');
    this.output = new Bytes(output, 'the bench’s file descriptor 4');
    this.#input = /** @type {import('node:stream').Writable} */ (input);
    this.#input.on('error', () => {});
    process.stdin?.on('error', () => {});
    this.#exit = once(process, 'exit');
  }

  /**
   * Starts a bench and waits until it plays.
   * @param {string} pipeline what is linked to `p`
   * @param {Options} [options]
   */
  static async start(pipeline, { http = true, settings = {}, environment = {}, on = [], by = [] } = {}) {
    const properties = Object.entries({ port: 0, identity: 'none', mdns: false, ...settings, http, console: 'on' }).map(([name, value]) => `${name}=${value}`);
    const [program = '', ...words] = [...on, ...(by.length > 0 ? by : ['gst-launch-1.0']), 'periscope', 'name=p', ...properties, ...pipeline.trim().split(/\s+/)];
    const bench = new Bench(
      spawn(program, words, {
        env: { ...process.env, GST_PLUGIN_PATH: PLUGIN_DIRECTORY, RUST_BACKTRACE: '1', NO_COLOR: '1', ...environment },
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      }),
    );
    try {
      // Other programs say nothing of their own when they play.
      await bench.stdout.line(by.length > 0 ? /^periscope: code / : /^New clock:/);
    } catch (error) {
      bench.#process.kill('SIGKILL');
      throw new Error(`${/** @type {Error} */ (error).message}\n${bench.stderr.text}`);
    }
    return bench;
  }

  get pid() {
    return this.#process.pid;
  }

  /** Types a line, or pastes several, into the console. @param {string} text */
  type(text) {
    this.#process.stdin?.write(`${text}\n`);
  }

  /** Writes to file descriptor 3. @param {string | Uint8Array} data */
  feed(data) {
    this.#input.write(data);
  }

  /**
   * What the console prints behind `periscope: <word> `.
   * @param {string} word
   * @param {{since?: number, limit?: number}} [options]
   */
  async says(word, options) {
    const match = await this.stdout.line(new RegExp(`(?:^|\r)periscope: ${word} (.*)$`), options);
    return match[1] ?? '';
  }

  /** The address of the page, key included. */
  url() {
    return this.says('page');
  }

  /** The same by https. */
  async secureUrl() {
    const match = await this.stdout.line(/periscope: page (https:.*)$/);
    return match[1] ?? '';
  }

  /**
   * A code: the one that was printed at the start, or what typing `code …` gives.
   * @param {string} [request] `control`, `once`, `1s` …
   */
  async code(request) {
    const since = request === undefined ? 0 : this.stdout.count;
    if (request !== undefined) this.type(`code ${request}`);
    return this.says('code', { since });
  }

  /** The lines that `codes` prints. */
  codes() {
    return this.#list('codes');
  }

  /** Types `offer`; the base64 that comes. */
  async offer() {
    const since = this.stdout.count;
    this.type('offer');
    return this.says('offer', { since });
  }

  /** Pastes an offer; the base64 answer that comes. @param {string} offer */
  async answer(offer) {
    const since = this.stdout.count;
    this.type(offer);
    return this.says('answer', { since });
  }

  /** Waits for a peer to enter a state. Gives its number. @param {string} state @param {{since?: number}} [options] */
  async peer(state, options) {
    const match = await this.stdout.line(new RegExp(`periscope: peer (\\d+) ${state}`), options);
    return Number(match[1]);
  }

  /** The lines that `peers` prints. */
  peers() {
    return this.#list('peers');
  }

  /** Asks until exactly so many viewers are connected, and nobody else is there. @param {number} count */
  viewers(count) {
    return this.lists('peers', (lines) => {
      const peers = lines.filter((line) => line !== 'nobody is there');
      return peers.length === count && peers.every((line) => /^\d+ connected/.test(line));
    });
  }

  /**
   * Asks until a list is as wanted; gives it.
   * @param {'peers' | 'codes'} command
   * @param {(lines: string[]) => boolean} isWanted
   */
  async lists(command, isWanted) {
    const until = performance.now() + LIMIT;
    for (;;) {
      const lines = await this.#list(command);
      if (isWanted(lines)) return lines;
      if (performance.now() > until) throw new Error(`“${command}” still says, after ${LIMIT} ms: ${lines.join('; ')}`);
      await pause(POLL);
    }
  }

  /** What a command prints that lists something. @param {string} command @returns {Promise<string[]>} */
  async #list(command) {
    const since = this.stdout.count;
    // The console works off one command after the other: the help marks the end of the list.
    this.type(`${command}\nhelp`);
    await this.says('help', { since });
    return this.stdout.all
      .slice(since)
      .map((line) => new RegExp(`periscope: ${command} (.*)$`).exec(line)?.[1] ?? '')
      .filter((line) => line !== '');
  }

  /** Ends the bench as Ctrl+C does. Fails if it does not end well, or if it complained. */
  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      throw new Error(`the bench ended early, ${this.#process.exitCode ?? this.#process.signalCode}:\n${this.stderr.text}`);
    }
    this.#process.kill('SIGINT');
    // A pipeline that reads from the test ends when there is nothing more to read; but once it has ended, gst-launch
    // takes the signal for a second one.
    await Promise.race([this.stdout.line(/handling interrupt/), this.#exit]).catch(() => {});
    this.#input.destroy();
    await this.ended();
  }

  /** Waits until the bench has ended, by itself if all its sources have. Fails if it does not end well, or complained. */
  async ended() {
    const stuck = setTimeout(() => this.#process.kill('SIGKILL'), LIMIT);
    const [code, signal] = await this.#exit;
    clearTimeout(stuck);
    if (code !== 0) throw new Error(`the bench ended with ${code ?? signal}:\n${this.stderr.text}`);
    const alarm = this.stderr.all.find((line) => ALARMS.test(line));
    if (alarm !== undefined) throw new Error(`the bench complained: ${alarm}`);
  }

  /** Ends the bench as a power cut does. */
  async kill() {
    this.#process.kill('SIGKILL');
    await this.#exit;
  }

  /** Whether nobody has ended it yet. */
  get runs() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** All it said, for artifacts. */
  get transcript() {
    return `--- standard output\n${this.stdout.text}\n--- standard error\n${this.stderr.text}\n`;
  }
}
