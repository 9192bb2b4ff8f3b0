// @ts-check
/** What stands around the figures: on what machine, with what software. */

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as options from './options.mjs';

const load = () => Math.round((loadavg()[0] ?? 0) * 100) / 100;

/** @param {string} command @param {string[]} parameters */
const firstLine = (command, ...parameters) => spawnSync(command, parameters, { encoding: 'utf8' }).stdout?.split('\n')[0]?.trim() ?? '';

export class Report {
  about = {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: load(),
    loadAtTheEnd: 0,
    kernel: firstLine('uname', '-sr'),
    gstreamer: firstLine('gst-launch-1.0', '--gst-version').replace(/^.* /, ''),
    commit: firstLine('git', '-C', fileURLToPath(new URL('.', import.meta.url)), 'rev-parse', '--short', 'HEAD'),
    browsers: /** @type {Record<string, string>} */ ({}),
    quick: options.quick,
  };

  /** @param {string} name of the benchmark */
  constructor(name) {
    this.name = name;
  }

  /** @param {string} kind @param {import('../../tests/browser/harness/browsers.mjs').Browser} browser */
  async uses(kind, browser) {
    this.about.browsers[kind] = await browser.version();
  }

  /** The lines at the top. */
  lines() {
    const { about } = this;
    about.loadAtTheEnd = load();
    return [
      `${this.name}, ${about.date.slice(0, 10)}, commit ${about.commit}${about.quick ? ' (quick)' : ''}`,
      `${about.cores} × ${about.cpu}, ${about.kernel}, load ${about.load} at the start, ${about.loadAtTheEnd} at the end`,
      [`GStreamer ${about.gstreamer}`, ...Object.values(about.browsers)].join(', '),
    ];
  }

  /** Prints them. @param {string} what is measured, and in which unit */
  head(what) {
    console.log(`${[...this.lines(), what].join('\n')}\n`);
  }

  /**
   * Writes the files that were asked for, if any.
   * @param {object} results
   * @param {{directory?: string | undefined, text?: string}} [more] where, if not as asked for; for people
   */
  async save(results, { directory = options.json, text } = {}) {
    if (directory === undefined) return;
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, `${this.name}.json`), `${JSON.stringify({ about: this.about, ...results }, null, 2)}\n`);
    if (text !== undefined) await writeFile(join(directory, `${this.name}.md`), text);
  }
}
