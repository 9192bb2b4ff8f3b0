// @ts-check
/** A sender and those who watch it. The programs are those of `benches/versus`; they speak JSON, one object a line. */

import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LIMIT, PLUGIN_DIRECTORY } from '../../tests/browser/harness/settings.mjs';
import { Program } from './program.mjs';
import { WAYS } from './ways.mjs';

/** @typedef {import('../../tests/browser/harness/page.mjs').Page} Page */
/** @typedef {import('./ways.mjs').Scene} Scene */
/** @typedef {import('./ways.mjs').Way} Way */
/** @typedef {{is: string, [more: string]: any}} Word */
/** @typedef {{viewer: number, packets: number, bytes: number, lost: number, pictures: number, span: number}} Counts */
/** @typedef {{answer: (sdp: string) => Promise<string>, candidate: (line: number, candidate: string) => Promise<void>}} Receiver */

const DIRECTORY = process.env['PERISCOPE_VERSUS_DIRECTORY'] || fileURLToPath(new URL('../../target/versus/release', import.meta.url));

/** A page that sees nothing tries again. */
const TRY_AGAIN = 6_000;

/** Milliseconds since 1970, to the microsecond. */
const now = () => performance.timeOrigin + performance.now();

/** A program that takes words and gives words. */
class Talker extends Program {
  /** @type {Set<(word: Word) => boolean>} */
  #awaited = new Set();
  /** What it has said that makes the measurement worthless. @type {string[]} */
  failures = [];

  /**
   * @param {string} name @param {string[]} parameters @param {string} address @param {(word: Word) => void} [heard]
   * @param {Record<string, string>} [environment]
   */
  constructor(name, parameters, address, heard = () => {}, environment = {}) {
    super(join(DIRECTORY, name), parameters, { GST_PLUGIN_PATH: PLUGIN_DIRECTORY, VERSUS_ADDRESS: address, ...environment });
    // One for each word that is awaited.
    this.process.setMaxListeners(0);
    createInterface({ input: /** @type {any} */ (this.process.stdout) }).on('line', (line) => {
      /** @type {Word} */
      const word = JSON.parse(line);
      if (word.is === 'failed') this.failures.push(`${word['viewer'] ?? name}: ${word['why']}`);
      for (const take of [...this.#awaited]) if (take(word)) this.#awaited.delete(take);
      heard(word);
    });
  }

  /** @param {Word} word */
  tell(word) {
    this.type(JSON.stringify(word));
  }

  /** The next such word. @param {string} is @param {number} [viewer] @param {number} [limit] @returns {Promise<Word>} */
  word(is, viewer, limit = LIMIT) {
    return new Promise((resolve, reject) => {
      const take = (/** @type {Word} */ word) => {
        if (word.is !== is || (viewer !== undefined && word['viewer'] !== viewer)) return false;
        clearTimeout(late);
        resolve(word);
        return true;
      };
      const fail = (/** @type {string} */ when) => {
        this.#awaited.delete(take);
        reject(new Error(`no “${is}” ${when}${viewer === undefined ? '' : ` for viewer ${viewer}`}; ${this.failures.join('; ')}`));
      };
      const late = setTimeout(() => fail(`in ${limit} ms`), limit);
      this.#awaited.add(take);
      this.process.once('exit', () => {
        clearTimeout(late);
        fail('before it ended');
      });
    });
  }

  /** Asks, and gives the answer. @param {Word} question @param {string} answer @param {number} [viewer] */
  ask(question, answer, viewer) {
    const coming = this.word(answer, viewer);
    this.tell(question);
    return coming;
  }
}

export class Show {
  /** @type {Talker | undefined} */
  #viewers;
  /** @type {Map<number, {receiver: Receiver, described: Promise<void>, isDescribed: () => void}>} */
  #meetings = new Map();
  #count = 0;
  /** How often a viewer of Periscope's page had to try once more. */
  triesAgain = 0;
  /** Where Periscope serves its page. @type {string | null} */
  page = null;

  /** @param {Way} way @param {Scene} scene @param {Record<string, string>} [environment] */
  constructor(way, scene, environment) {
    this.scene = scene;
    this.sender = new Talker('sender', WAYS[way].pipeline(scene).trim().split(/\s+/), scene.address, (word) => this.#heard(word), environment);
  }

  /** Ready for viewers. @param {Way} way @param {Scene} scene @param {Record<string, string>} [environment] */
  static async open(way, scene, environment) {
    const show = new Show(way, scene, environment);
    show.page = (await show.sender.word('ready'))['page'];
    return show;
  }

  async close() {
    await Promise.all([this.#viewers?.end(), this.sender.end()]);
  }

  get failures() {
    return [...this.sender.failures, ...(this.#viewers?.failures ?? [])];
  }

  /** @param {Word} word */
  #heard({ is, viewer, sdp, line, candidate }) {
    const meeting = this.#meetings.get(viewer);
    if (meeting === undefined) return;
    const { receiver } = meeting;
    let done = Promise.resolve();
    if (is === 'offer') {
      done = receiver.answer(sdp).then((answer) => {
        this.sender.tell({ is: 'answer', viewer, sdp: answer });
        meeting.isDescribed();
      });
    } else if (is === 'candidate') {
      // webrtcsink's candidates may come before its offer.
      done = meeting.described.then(() => receiver.candidate(line, candidate));
    }
    done.catch((error) => this.sender.failures.push(`${viewer}: ${error}`));
  }

  /** Has the sender offer its stream. @param {number} viewer @param {Receiver} receiver */
  meet(viewer, receiver) {
    let isDescribed = () => {};
    const described = /** @type {Promise<void>} */ (new Promise((resolve) => (isDescribed = resolve)));
    this.#meetings.set(viewer, { receiver, described, isDescribed });
    this.sender.tell({ is: 'join', viewer });
  }

  // ---- Light viewers -------------------------------------------------------------------------------------------

  /** How many light viewers have come. */
  get count() {
    return this.#count;
  }

  /** One more; gives the milliseconds from the wish to its first whole key frame. */
  async #come() {
    this.#viewers ??= new Talker('viewers', [this.scene.codec], this.scene.address);
    const viewers = this.#viewers;
    const viewer = ++this.#count;
    const begun = now();
    for (let tries = 1; ; tries++) {
      const first = viewers.word('first', viewer, this.page !== null && tries < 4 ? TRY_AGAIN : LIMIT);
      try {
        const [{ at }] = await Promise.all([first, this.#connect(viewers, viewer)]);
        return at - begun;
      } catch (error) {
        if (this.page === null || tries === 4) throw error;
        this.triesAgain++;
      }
    }
  }

  /** @param {Talker} viewers @param {number} viewer */
  async #connect(viewers, viewer) {
    if (this.page === null) {
      this.meet(viewer, {
        answer: async (sdp) => (await viewers.ask({ is: 'offer', viewer, sdp }, 'answer', viewer))['sdp'],
        candidate: async (line, candidate) => viewers.tell({ is: 'candidate', viewer, line, candidate }),
      });
    } else {
      // One that is called again is a new viewer of the same number.
      const { sdp } = await viewers.ask({ is: 'call', viewer }, 'offer', viewer);
      viewers.tell({ is: 'answer', viewer, sdp: await whep(this.page, sdp) });
    }
  }

  /** So many more at once; gives how long each waited. @param {number} count */
  come(count) {
    return Promise.all(Array.from({ length: count }, () => this.#come()));
  }

  reset() {
    this.#viewers?.tell({ is: 'reset' });
  }

  /** What has come to each since then. @returns {Promise<Counts[]>} */
  async counts() {
    if (this.#viewers === undefined) return [];
    return (await this.#viewers.ask({ is: 'count' }, 'counts'))['viewers'];
  }

  /** How many pictures have left the source. @returns {Promise<number>} */
  async pictures() {
    return (await this.sender.ask({ is: 'count' }, 'pictures'))['count'];
  }

  // ---- Browsers ------------------------------------------------------------------------------------------------

  /** Shows the stream in a page that has nothing but a video element. @param {Page} page */
  async showIn({ tab }) {
    await tab.evaluate(() => {
      const world = /** @type {any} */ (window);
      const connection = new RTCPeerConnection();
      connection.ontrack = ({ streams, track }) => {
        const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
        view.srcObject = streams[0] ?? new MediaStream([track]);
      };
      world.connection = connection;
      world.bench.begun = performance.now();
    });
    this.meet(++this.#count, {
      // Candidates of the browser need not be waited for: the sender learns its address from its checks.
      answer: (sdp) =>
        tab.evaluate(async (offer) => {
          /** @type {RTCPeerConnection} */
          const connection = /** @type {any} */ (window).connection;
          await connection.setRemoteDescription({ type: 'offer', sdp: offer });
          await connection.setLocalDescription();
          return connection.localDescription?.sdp ?? '';
        }, sdp),
      candidate: (line, candidate) =>
        tab.evaluate(
          async (sdpMLineIndex, text) => {
            await /** @type {any} */ (window).connection.addIceCandidate({ sdpMLineIndex, candidate: text });
          },
          line,
          candidate,
        ),
    });
  }
}

/** @param {string} page its address, with the key @param {string} offer */
async function whep(page, offer) {
  const { origin, hash } = new URL(page);
  const reply = await fetch(`${origin}/whep`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${hash.slice(1)}` },
    body: offer,
  });
  const text = await reply.text();
  if (reply.status !== 201) throw new Error(`WHEP: ${reply.status} ${text}`);
  return text;
}
