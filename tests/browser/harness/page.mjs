// @ts-check
/** Periscope's page in a browser, as a person uses it: by the ids that design and page agree on. */

import { pathToFileURL } from 'node:url';
import { LIMIT, PAGE_FILE } from './settings.mjs';

/** @typedef {import('./browsers.mjs').Browser} Browser */
/** @typedef {import('./browsers.mjs').Tab} Tab */
/** @typedef {'idle' | 'connecting' | 'connected' | 'reconnecting' | 'failed'} State */

export const FILE_URL = pathToFileURL(PAGE_FILE).href;

const POLL = 50;

export class Page {
  /** What the page wrote into the browser's console, for artifacts. @type {string[]} */
  log = [];

  /** @param {Tab} tab */
  constructor(tab) {
    this.tab = tab;
    tab.on('console', (message) => this.log.push(`${message.type()}: ${message.text()}`));
    tab.on('pageerror', (error) => this.log.push(`uncaught: ${error instanceof Error ? error.message : error}`));
  }

  /**
   * @param {Browser} browser
   * @param {string} [url] the page as a file if there is none
   * @param {(page: Page) => Promise<void>} [prepare] done before it is opened
   */
  static async open(browser, url = FILE_URL, prepare = async () => {}) {
    const page = new Page(await browser.newPage());
    await prepare(page);
    await page.tab.goto(url);
    return page;
  }

  async close() {
    // With `runBeforeUnload` the page would be asked; without it, it is told like by a person who closes the tab.
    if (!this.tab.isClosed() && this.tab.browser().connected) await this.tab.close();
  }

  /**
   * Waits until `condition`, which runs in the page, gives something true; gives that.
   * @template {any[]} Arguments
   * @template Result
   * @param {string} what for the message of a failure
   * @param {(...args: Arguments) => Result} condition
   * @param {Arguments} args
   * @returns {Promise<Awaited<Result>>}
   */
  async until(what, condition, ...args) {
    try {
      const handle = await this.tab.waitForFunction(/** @type {any} */ (condition), { polling: POLL, timeout: LIMIT }, ...args);
      return /** @type {any} */ (await handle.jsonValue());
    } catch (error) {
      const said = await this.status().catch(() => ({ state: 'gone', text: '' }));
      const why = error instanceof Error && error.name === 'TimeoutError' ? `waited ${LIMIT} ms` : `${error}, while waiting`;
      throw new Error(`${why} for ${what}; the page is ${said.state}: ${said.text}`);
    }
  }

  // ---- Connecting ----------------------------------------------------------------------------------------------

  /** @returns {Promise<{state: string, text: string}>} */
  status() {
    return this.tab.$eval('#status', (line) => ({
      state: line.getAttribute('data-state') ?? '',
      text: line.textContent ?? '',
    }));
  }

  /** @param {State} wanted */
  async state(wanted) {
    await this.until(
      `the state ${wanted}`,
      (state) => document.querySelector('#status')?.getAttribute('data-state') === state,
      wanted,
    );
  }

  /** Waits for a sentence in #status. @param {RegExp} pattern @returns {Promise<string>} */
  sentence(pattern) {
    return this.until(
      `a sentence like ${pattern}`,
      (source, flags) => {
        const text = document.querySelector('#status')?.textContent ?? '';
        return new RegExp(source, flags).test(text) ? text : '';
      },
      pattern.source,
      pattern.flags,
    );
  }

  /** Waits for a code to carry to the bench. @param {'offer' | 'answer'} type */
  code(type) {
    return this.until(
      `an ${type} in #code-out`,
      (wanted) => {
        const { value } = /** @type {HTMLTextAreaElement} */ (document.querySelector('#code-out'));
        // A short answer (PROTOCOL.md): the page of a bench with ICE-lite gives no other.
        if (wanted === 'answer' && /^Q[\w-]{49}$/.test(value)) return value;
        try {
          return JSON.parse(atob(value)).type === wanted ? value : '';
        } catch {
          return '';
        }
      },
      type,
    );
  }

  /** Puts text into the box and presses the button. @param {string} text */
  async enter(text) {
    await this.tab.$eval('#code-in', (box, value) => {
      /** @type {HTMLTextAreaElement} */ (box).value = value;
    }, text);
    await this.press('#connect');
  }

  /** Puts text into the box as a paste does, without the button. @param {string} text */
  async paste(text) {
    await this.tab.$eval('#code-in', (box, value) => {
      box.dispatchEvent(new Event('paste', { bubbles: true }));
      /** @type {HTMLTextAreaElement} */ (box).value = value;
    }, text);
  }

  /** Clicks, also on what is folded away at the moment. @param {string} selector */
  press(selector) {
    return this.tab.$eval(selector, (button) => /** @type {HTMLElement} */ (button).click());
  }

  // ---- Picture and sound ---------------------------------------------------------------------------------------

  /**
   * Pictures shown in #view since this was first asked.
   * Not by `getVideoPlaybackQuality`: Firefox counts none of those that come by WebRTC.
   */
  frames() {
    return this.tab.$eval('#view', (element) => {
      const view = /** @type {HTMLVideoElement & {testFrames?: number}} */ (element);
      if (view.testFrames === undefined) {
        view.testFrames = 0;
        const count = () => {
          view.testFrames = (view.testFrames ?? 0) + 1;
          view.requestVideoFrameCallback(count);
        };
        view.requestVideoFrameCallback(count);
      }
      return view.testFrames;
    });
  }

  /** Waits until `count` more pictures have been shown than now. */
  async moreFrames(count = 10) {
    const before = await this.frames();
    await this.until(
      `picture ${before + count}`,
      (wanted) => (/** @type {any} */ (document.querySelector('#view')).testFrames) >= wanted,
      before + count,
    );
  }

  /** Waits for a picture; gives its size. @returns {Promise<{width: number, height: number}>} */
  async picture() {
    await this.moreFrames(5);
    return this.until('a picture with a size', () => {
      const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
      return view.videoWidth > 0 ? { width: view.videoWidth, height: view.videoHeight } : /** @type {any} */ (null);
    });
  }

  /** The codec in which the picture comes: `video/H264`. @returns {Promise<string>} */
  codec() {
    return this.until('a codec in the statistics', async () => {
      /** @type {RTCPeerConnection} */
      const connection = /** @type {any} */ (window).periscope.peerConnection();
      const report = await connection.getStats();
      let codec = '';
      report.forEach((entry) => {
        if (entry.type === 'inbound-rtp' && entry.kind === 'video') codec = report.get(entry.codecId)?.mimeType ?? '';
      });
      return codec;
    });
  }

  /**
   * Colours of the picture, averaged over a few pixels around each point.
   * @param {[x: number, y: number][]} points as parts of width and height
   * @param {string} [selector]
   * @returns {Promise<[number, number, number][]>}
   */
  colours(points, selector = '#view') {
    return this.tab.$eval(
      selector,
      (element, places) => {
        const view = /** @type {HTMLVideoElement} */ (element);
        const canvas = document.createElement('canvas');
        canvas.width = view.videoWidth;
        canvas.height = view.videoHeight;
        const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
        pen.drawImage(view, 0, 0);
        return places.map(([x, y]) => {
          const side = 5;
          const { data } = pen.getImageData(Math.round(x * canvas.width) - 2, Math.round(y * canvas.height) - 2, side, side);
          /** @type {[number, number, number]} */
          const sum = [0, 0, 0];
          for (let i = 0; i < data.length; i += 4) for (const c of /** @type {const} */ ([0, 1, 2])) sum[c] += data[i + c] ?? 0;
          return /** @type {[number, number, number]} */ (sum.map((value) => Math.round(value / side / side)));
        });
      },
      points,
    );
  }

  /**
   * Notes the colours at some points of all pictures in #view, from the first one on. Before the page is opened.
   * @param {[x: number, y: number][]} points as parts of width and height
   */
  async watchColours(points) {
    await this.tab.evaluateOnNewDocument((places) => {
      /** @type {number[][][]} */
      const pictures = ((/** @type {any} */ (window)).testColours = []);
      const canvas = document.createElement('canvas');
      document.addEventListener('DOMContentLoaded', () => {
        const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
        const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
        const look = () => {
          canvas.width = view.videoWidth;
          canvas.height = view.videoHeight;
          pen.drawImage(view, 0, 0);
          const at = (/** @type {number} */ part, /** @type {number} */ size) => Math.floor(part * size);
          pictures.push(places.map(([x, y]) => [...pen.getImageData(at(x, canvas.width), at(y, canvas.height), 1, 1).data.slice(0, 3)]));
          view.requestVideoFrameCallback(look);
        };
        view.requestVideoFrameCallback(look);
      });
    }, points);
  }

  /** What `watchColours` has noted, once it is so many pictures. @param {number} least @returns {Promise<number[][][]>} */
  watchedColours(least) {
    return this.until(
      `${least} pictures`,
      (wanted) => {
        const pictures = /** @type {number[][][]} */ ((/** @type {any} */ (window)).testColours);
        return pictures.length >= wanted ? pictures : /** @type {any} */ (null);
      },
      least,
    );
  }

  /**
   * Waits until the bench's sound arrives: a tone of this frequency and level.
   * @param {number} pitch in Hz, to 5 %
   * @param {number} level its peak, 1 being the loudest, to 20 %
   */
  sound(pitch, level) {
    return this.until(
      `a tone of ${pitch} Hz`,
      async (wantedPitch, wantedLevel) => {
        const world = /** @type {any} */ (window);
        /** @type {RTCPeerConnection | null} */
        const connection = world.periscope.peerConnection();
        const track = connection?.getReceivers().map((receiver) => receiver.track).find(({ kind }) => kind === 'audio');
        if (!connection || !track) return false;

        let heard = 0;
        (await connection.getStats(track)).forEach((entry) => {
          if (entry.type === 'inbound-rtp' && entry.totalAudioEnergy > 0) heard = entry.audioLevel;
        });
        if (Math.abs(heard - wantedLevel) > wantedLevel * 0.2) return false;

        if (world.testEar?.track !== track) {
          const context = new AudioContext();
          const analyser = context.createAnalyser();
          analyser.fftSize = 8192;
          const source = context.createMediaStreamSource(new MediaStream([track]));
          source.connect(analyser);
          world.testEar = { track, context, analyser, source };
        }
        const { context, analyser } = world.testEar;
        // Without a sound card Firefox plays, but never starts an AudioContext. The level has to do there.
        if (context.state !== 'running') return navigator.userAgent.includes('Firefox');
        const levels = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(levels);
        const loudest = levels.indexOf(Math.max(...levels));
        return Math.abs((loudest * context.sampleRate) / analyser.fftSize - wantedPitch) < wantedPitch * 0.05;
      },
      pitch,
      level,
    );
  }

  // ---- Instruments ---------------------------------------------------------------------------------------------

  /** Waits for a line in #log; gives its text. @param {RegExp} pattern @returns {Promise<string>} */
  logged(pattern) {
    return this.until(
      `a message like ${pattern}`,
      (source, flags) => {
        const wanted = new RegExp(source, flags);
        return [...document.querySelectorAll('#log .text')].map((line) => line.textContent ?? '').find((text) => wanted.test(text)) ?? '';
      },
      pattern.source,
      pattern.flags,
    );
  }

  /** Waits until messages go both ways. */
  async instruments() {
    await this.until('the command line', () => {
      const panel = /** @type {HTMLElement} */ (document.querySelector('#instruments'));
      const field = /** @type {HTMLInputElement} */ (document.querySelector('#command'));
      return !panel.hidden && !field.disabled && document.querySelector('#channel option') !== null;
    });
  }

  /** Waits until commands can be sent, sends one, and gives what the page says about it. @param {string} text */
  async command(text) {
    await this.instruments();
    await this.tab.$eval('#command', (field, value) => {
      /** @type {HTMLInputElement} */ (field).value = value;
    }, text);
    await this.press('#send');
    return this.tab.$eval('#command-note', (note) => note.textContent ?? '');
  }

  /** Waits until the page says of control what is wanted; gives the sentence. @param {string} state */
  control(state) {
    return this.until(
      `control to be ${state}`,
      (wanted) => {
        const line = document.querySelector('#control-state');
        return line?.getAttribute('data-state') === wanted ? (line.textContent ?? '') : '';
      },
      state,
    );
  }

  /** Waits for a button to be there, and clicks it. @param {string} selector */
  async pressShown(selector) {
    await this.until(`the button ${selector}`, (wanted) => document.querySelector(wanted)?.checkVisibility() ?? false, selector);
    await this.press(selector);
  }

  /** Saves a file by a button; gives what is in it. @param {string} selector @returns {Promise<string>} */
  async saved(selector) {
    await this.tab.evaluate(() => {
      const world = /** @type {any} */ (window);
      world.testFile = null;
      world.testMake ??= URL.createObjectURL.bind(URL);
      URL.createObjectURL = (/** @type {Blob} */ file) => {
        if (file.type !== 'text/javascript') void file.text().then((text) => (world.testFile = text));
        return world.testMake(file);
      };
    });
    await this.press(selector);
    return this.until('the file', () => /** @type {any} */ (window).testFile);
  }
}
