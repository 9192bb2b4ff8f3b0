// @ts-check
/** A simulated instrument on a tty of its own: examples/instrument-sim. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lines } from './lines.mjs';
import { PLUGIN_DIRECTORY } from './settings.mjs';

export class Instrument {
  #process;
  #exit;

  /** @param {string} directory @param {string} kind @param {string[]} options */
  constructor(directory, kind, options) {
    this.tty = join(directory, 'tty');
    this.sentFile = join(directory, 'sent');
    const program = join(PLUGIN_DIRECTORY, 'examples', 'instrument-sim');
    this.#process = spawn(program, [kind, '--link', this.tty, '--sent', this.sentFile, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdin.on('error', () => {});
    this.#exit = once(this.#process, 'exit');
    /** `tty`, `open`, `transmit on`, `transmit off`, `unplugged` … */
    this.says = new Lines(/** @type {any} */ (this.#process.stdout), `the simulated ${kind}`);
  }

  /** @param {string} order such as `unplug` and `plug` */
  order(order) {
    this.#process.stdin.write(`${order}\n`);
  }

  /** What it has sent, as it is, once it has ended. */
  sent() {
    return readFile(this.sentFile, 'latin1');
  }

  async end() {
    this.#process.kill('SIGTERM');
    await this.#exit;
  }
}

/**
 * @param {string} kind such as `kx3`
 * @param {string[]} options of the simulator
 * @param {(instrument: Instrument) => Promise<void>} use
 */
export async function withInstrument(kind, options, use) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-'));
  const instrument = new Instrument(directory, kind, options);
  try {
    await instrument.says.line(/^tty /);
    await use(instrument);
  } finally {
    await instrument.end();
    await rm(directory, { recursive: true });
  }
}

/** Source and sink on the port of an instrument. @param {Instrument} instrument @param {string} [settings] of both */
export const port = ({ tty }, settings = '') =>
  `serialsrc device=${tty} ${settings} ! p.data_0 p.data_src_0 ! serialsink device=${tty} ${settings}`;
