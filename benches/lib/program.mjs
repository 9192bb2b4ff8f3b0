// @ts-check
/** Processes that are measured: our plugin in gst-launch-1.0, and the examples. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Lines } from '../../tests/browser/harness/lines.mjs';
import { PLUGIN_DIRECTORY } from '../../tests/browser/harness/settings.mjs';

/** 640×480, 30 pictures/s: what viewers get to see. The name is for those who paint the time into it. */
export const SOURCE =
  'videotestsrc name=clock is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=480,framerate=30/1';

/** Those that run: a benchmark that fails leaves none behind. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Program {
  #taken = 0;

  /**
   * @param {string} command
   * @param {string[]} parameters
   * @param {Record<string, string>} [environment]
   */
  constructor(command, parameters, environment = {}) {
    this.process = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
    this.process.stdin?.on('error', () => {});
    this.exit = once(this.process, 'exit');
    running.add(this.process);
    this.process.once('exit', () => running.delete(this.process));
    this.lines = new Lines(/** @type {any} */ (this.process.stdout), command);
  }

  /** One of this folder's examples. @param {string} name @param {string} pipeline */
  static example(name, pipeline) {
    return new Program(join(PLUGIN_DIRECTORY, 'examples', name), pipeline.split(' '));
  }

  /**
   * A bench as users run it, with an identity of its own that nobody keeps.
   * @param {string} [properties] of the element, instead of or besides the usual ones
   * @param {Record<string, string>} [environment]
   */
  static bench(properties = '', environment = {}) {
    const pipeline = `periscope name=p console=on port=0 identity=none ${properties} ${SOURCE} ! p.`;
    return new Program('gst-launch-1.0', ['-q', ...pipeline.split(/\s+/)], { GST_PLUGIN_PATH: PLUGIN_DIRECTORY, ...environment });
  }

  get pid() {
    if (this.process.pid === undefined) throw new Error('the process has not started');
    return this.process.pid;
  }

  /** @param {string} text */
  type(text) {
    this.process.stdin?.write(`${text}\n`);
  }

  /** The next line that matches, behind the one that was found before; gives the first group. @param {RegExp} pattern */
  async says(pattern) {
    const since = this.#taken;
    const match = await this.lines.line(pattern, { since });
    this.#taken = this.lines.all.indexOf(match.input, since) + 1;
    return match[1] ?? '';
  }

  /** The address of the page, key included. */
  page() {
    return this.says(/^periscope: page (.*)/);
  }

  code() {
    return this.says(/^periscope: code (.*)/);
  }

  /** How many viewers there are, in the bench's own view. */
  async peers() {
    const since = this.lines.count;
    // The console works off one command after the other: the help marks the end of the list.
    this.type('peers\nhelp');
    await this.lines.line(/^periscope: help /, { since });
    return this.lines.all.slice(since).filter((line) => /^periscope: peers \d/.test(line)).length;
  }

  /** As Ctrl+C does. */
  async stop() {
    this.process.kill('SIGINT');
    await this.exit;
  }

  /** As a power cut does. */
  async end() {
    this.process.kill('SIGKILL');
    await this.exit;
  }
}
