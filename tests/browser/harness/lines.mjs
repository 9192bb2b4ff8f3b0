// @ts-check
/** Text that comes line by line out of a process, and waiting for a line. */

import { LIMIT } from './settings.mjs';

export class Lines {
  /** @type {string[]} */
  all = [];
  #rest = '';
  #ended = false;
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /**
   * @param {import('node:stream').Readable} stream
   * @param {string} name for the message of a failure
   */
  constructor(stream, name) {
    this.name = name;
    stream.setEncoding('utf8');
    stream.on('data', (/** @type {string} */ text) => this.#take(text));
    const end = () => {
      if (this.#rest !== '') this.all.push(this.#rest);
      this.#rest = '';
      this.#ended = true;
      this.#wake();
    };
    stream.once('end', end);
    stream.once('close', end);
    // A process that is killed resets its sockets: that is its end, too.
    stream.on('error', end);
  }

  /** Where to look from, in order not to find what is there already. */
  get count() {
    return this.all.length;
  }

  get text() {
    return this.all.join('\n');
  }

  /** @param {string} text */
  #take(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.all.push(...lines);
    this.#wake();
  }

  #wake() {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * The match of the first line, counted from line `since`, that matches.
   * @param {RegExp} pattern
   * @param {{since?: number, limit?: number}} [options]
   * @returns {Promise<RegExpExecArray>}
   */
  line(pattern, { since = 0, limit = LIMIT } = {}) {
    let next = since;
    return new Promise((resolve, reject) => {
      /** @param {() => void} act */
      const finish = (act) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = () => {
        for (; next < this.all.length; next++) {
          const match = pattern.exec(this.all[next] ?? '');
          if (match !== null) return finish(() => resolve(match));
        }
        if (this.#ended) finish(() => reject(new Error(`${this.name} ended without ${pattern}; ${this.#tail(since)}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`${this.name} had no ${pattern} in ${limit} ms; ${this.#tail(since)}`))),
        limit,
      );
      this.#waiting.add(look);
      look();
    });
  }

  /** @param {number} since */
  #tail(since) {
    const lines = this.all.slice(since).slice(-10).map((line) => `  ${line.slice(0, 300)}`);
    return lines.length === 0 ? 'it said nothing' : `it said\n${lines.join('\n')}`;
  }
}

/** Bytes that come out of a process, and waiting for so many of them. */
export class Bytes {
  #got = Buffer.alloc(0);
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /**
   * @param {import('node:stream').Readable} stream
   * @param {string} name
   */
  constructor(stream, name) {
    this.name = name;
    stream.on('data', (/** @type {Buffer} */ data) => {
      this.#got = Buffer.concat([this.#got, data]);
      for (const look of [...this.#waiting]) look();
    });
    stream.on('error', () => {});
  }

  /** Drops what has come so far. */
  forget() {
    this.#got = Buffer.alloc(0);
  }

  /**
   * The next `count` bytes, which are taken out.
   * @param {number} count
   * @returns {Promise<Buffer>}
   */
  take(count) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`${this.name}: ${this.#got.length} of ${count} bytes came in ${LIMIT} ms`));
      }, LIMIT);
      const look = () => {
        if (this.#got.length < count) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        const taken = this.#got.subarray(0, count);
        this.#got = this.#got.subarray(count);
        resolve(taken);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
