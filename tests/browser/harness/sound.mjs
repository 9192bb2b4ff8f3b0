// @ts-check
/**
 * A microphone and an ear inside a page, in place of devices: worklets that make bursts, tones or something like a voice,
 * and measure what comes of the bench's sound as early as the page itself gets it. benches/sound does the same at the bench.
 */

/** @typedef {import('./page.mjs').Page} Page */
/** @typedef {'clicks' | 'tone' | 'voice' | 'silence'} Play */
/**
 * What one second of sound was like, left and right.
 * @typedef {{level: number, frequency: number, gaps: number, clicks: number}} Side
 */
/** Times in milliseconds since 1970. @typedef {{sent: number[], heard: number[], seconds: [Side, Side][], state: string}} Sounds */

/** Runs in the audio engine of the page. */
function worklets() {
  const engine = /** @type {any} */ (globalThis);
  const RATE = /** @type {number} */ (engine.sampleRate);
  const { cos, hypot, log10, PI, random, sin, sqrt } = Math;

  /** 4 ms of 2 kHz: codecs for speech keep it, and it stands at one place. */
  const BURST = Math.round(RATE / 250);
  const pattern = Array.from({ length: BURST }, (_, n) => {
    const window = 0.5 - 0.5 * cos((2 * PI * (n + 0.5)) / BURST);
    const phase = (2 * PI * 2000 * n) / RATE;
    return [window * sin(phase), window * cos(phase)];
  });
  const weight = pattern.reduce((sum, [sine = 0]) => sum + sine * sine, 0);
  /** Microphones never give true silence. */
  const ROOM = 0.0005;
  const LEVEL = 0.25;

  /**
   * When sound is played or recorded that is processed now. The engine works off several pieces in a row, as many as
   * its device takes at a time: what comes later in the row is played later, and was recorded later.
   */
  class Beat {
    begin = 0;
    /** Samples of this row so far, and of the one before. */
    frames = 0;
    before = 0;
    last = 0;

    /** True where a row begins. */
    tick() {
      const now = Date.now();
      const begins = now - this.last > 1;
      if (begins) {
        // The clock's milliseconds are cut off.
        this.begin = now + 0.5;
        this.before = this.frames;
        this.frames = 0;
      }
      this.last = now;
      return begins;
    }
  }

  /** A voice's harmonics below the formants of an open vowel, four syllables a second: codecs take it for speech. */
  class Voice {
    time = 0;
    phase = 0;

    next() {
      const pitch = 115 + 20 * sin(2 * PI * 0.7 * this.time);
      this.phase = (this.phase + pitch / RATE) % 1;
      this.time += 1 / RATE;
      let sum = 0;
      for (let n = 1; n <= 32; n++) sum += Voice.strength(n * pitch) * sin(2 * PI * this.phase * n);
      return 0.5 * (0.55 + 0.45 * sin(2 * PI * 4 * this.time)) * sum;
    }

    /** @param {number} frequency */
    static strength(frequency) {
      let sum = 0;
      for (const [center, width, strength] of /** @type {const} */ ([[700, 110, 1], [1200, 140, 0.6], [2600, 200, 0.25], [3500, 300, 0.1]])) {
        sum += strength / (1 + ((frequency - center) / width) ** 2);
      }
      return sum;
    }
  }

  class Mouth extends engine.AudioWorkletProcessor {
    beat = new Beat();
    voice = new Voice();
    /** @type {{kind: Play, frequency: number}} */
    play = { kind: 'silence', frequency: 0 };
    position = 0;
    nextBurst = RATE / 2;
    /** Where in the row bursts began that nobody has been told of: how long it is shows at its end. @type {number[]} */
    untold = [];

    constructor() {
      super();
      this.port.onmessage = (/** @type {MessageEvent} */ { data }) => (this.play = data);
    }

    /** @param {unknown} _ @param {Float32Array[][]} outputs */
    process(_, [[sound = new Float32Array()] = []]) {
      const { begin } = this.beat;
      if (this.beat.tick()) {
        for (const at of this.untold) this.port.postMessage(begin - ((this.beat.before - at) / RATE) * 1000);
        this.untold = [];
      }
      for (let i = 0; i < sound.length; i++) sound[i] = this.next(i);
      this.beat.frames += sound.length;
      return true;
    }

    /** @param {number} i place in this piece */
    next(i) {
      const { kind, frequency } = this.play;
      const position = this.position++;
      const room = ROOM * (2 * random() - 1);
      if (kind === 'tone') return LEVEL * sin(2 * PI * (((position * frequency) / RATE) % 1));
      if (kind === 'voice') return room + LEVEL * this.voice.next();
      if (kind === 'silence') return room;
      if (position - this.nextBurst >= BURST) this.nextBurst = position + Math.round(RATE * (0.45 + 0.1 * random()));
      const at = position - this.nextBurst;
      if (at === 0) this.untold.push(this.beat.frames + i);
      return room + 0.5 * (pattern[at]?.[0] ?? 0);
    }
  }

  /** A matched filter, loudest where a burst ends. */
  class Detector {
    window = new Float64Array(BURST);
    position = 0;
    peak = { position: 0, level: 0 };
    deafUntil = 0;

    /** How many samples ago a burst began; 0 while none has passed. @param {number} sample */
    take(sample) {
      this.window[this.position % BURST] = sample;
      this.position++;
      if (this.position % 8 !== 0 || this.position < this.deafUntil) return 0;
      const level = this.level();
      if (level > Math.max(0.12, this.peak.level)) this.peak = { position: this.position, level };
      const ago = this.position - this.peak.position;
      if (this.peak.level === 0 || ago < RATE / 200) return 0;
      this.deafUntil = this.peak.position + RATE / 5;
      this.peak = { position: 0, level: 0 };
      return ago + BURST;
    }

    level() {
      let [real, imaginary] = [0, 0];
      for (let n = 0; n < BURST; n++) {
        const sample = this.window[(this.position + n) % BURST] ?? 0;
        const [sine = 0, cosine = 0] = pattern[n] ?? [];
        real += sample * sine;
        imaginary += sample * cosine;
      }
      return hypot(real, imaginary) / weight;
    }
  }

  /** How loud and how whole a tone is, second by second. */
  class Meter {
    /** @type {number[]} */
    powers = [];
    /** @type {number[]} */
    jumps = [];
    sum = 0;
    jump = 0;
    samples = 0;
    last = [0, 0];
    waves = -1;
    crossings = [0, 0];

    /** @param {number} sample @returns {Side | null} */
    take(sample) {
      const [one = 0, other = 0] = this.last;
      this.sum += sample * sample;
      this.jump = Math.max(this.jump, Math.abs(sample - 2 * one + other));
      if (one < 0 && sample >= 0) {
        const at = this.samples - sample / (sample - one);
        if (++this.waves === 0) this.crossings[0] = at;
        this.crossings[1] = at;
      }
      this.last = [sample, one];
      this.samples++;
      const window = RATE / 200;
      if (this.samples % window !== 0) return null;
      this.powers.push(this.sum / window);
      this.jumps.push(this.jump);
      this.sum = this.jump = 0;
      if (this.samples < RATE) return null;
      const { powers, jumps, waves } = this;
      const [first = 0, last = 0] = this.crossings;
      const usual = [...powers].sort((a, b) => a - b)[powers.length >> 1] ?? 0;
      const second = {
        level: Math.max(-120, 10 * log10((2 * powers.reduce((sum, power) => sum + power, 0)) / powers.length)),
        frequency: waves > 0 ? (waves * RATE) / (last - first) : 0,
        gaps: powers.filter((power) => power < usual / 10 ** 1.2).length,
        clicks: jumps.filter((jump) => jump > 0.15 * sqrt(2 * usual)).length,
      };
      this.powers = [];
      this.jumps = [];
      this.samples = 0;
      this.waves = -1;
      return second;
    }
  }

  class Ear extends engine.AudioWorkletProcessor {
    beat = new Beat();
    detector = new Detector();
    meters = [new Meter(), new Meter()];

    /** @param {Float32Array[][]} inputs */
    process([channels = []]) {
      this.beat.tick();
      const [left] = channels;
      if (left === undefined) return true;
      const right = channels[1] ?? left;
      for (let i = 0; i < left.length; i++) {
        const sides = [left[i] ?? 0, right[i] ?? 0];
        const ago = this.detector.take(((sides[0] ?? 0) + (sides[1] ?? 0)) / 2);
        if (ago > 0) this.port.postMessage({ heard: this.beat.begin + ((this.beat.frames + i + 1 - ago) / RATE) * 1000 });
        const [one, other] = this.meters.map((meter, side) => meter.take(sides[side] ?? 0));
        if (one && other) this.port.postMessage({ second: [one, other] });
      }
      this.beat.frames += left.length;
      return true;
    }
  }

  engine.registerProcessor('test-mouth', Mouth);
  engine.registerProcessor('test-ear', Ear);
}

/** Runs in the page before its own scripts. @param {string} source of the worklets @param {{kind: Play, frequency: number}} play */
function wire(source, play) {
  const world = /** @type {any} */ (window);
  /** @type {Sounds} */
  const sounds = { sent: [], heard: [], seconds: [], state: 'none' };
  /** @type {Promise<AudioContext> | undefined} */
  let made;
  const context = () =>
    (made ??= (async () => {
      const audio = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
      // Not as a blob: those of a page from a file belong to nobody.
      await audio.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(`(${source})()`)}`);
      sounds.state = audio.state;
      audio.onstatechange = () => (sounds.state = audio.state);
      return audio;
    })());

  world.sounds = sounds;

  /** @type {AudioWorkletNode | undefined} */
  let mouth;
  world.play = (/** @type {{kind: Play, frequency: number}} */ next) => {
    play = next;
    mouth?.port.postMessage(next);
  };
  if (navigator.mediaDevices) {
    navigator.mediaDevices.getUserMedia = async () => {
      const audio = await context();
      const microphone = audio.createMediaStreamDestination();
      microphone.channelCount = 1;
      mouth = new AudioWorkletNode(audio, 'test-mouth', { numberOfInputs: 0, outputChannelCount: [1] });
      mouth.port.onmessage = ({ data }) => sounds.sent.push(data);
      mouth.port.postMessage(play);
      mouth.connect(microphone);
      return microphone.stream;
    };
  }

  world.listen = async (/** @type {MediaStreamTrack} */ track) => {
    const audio = await context();
    const ear = new AudioWorkletNode(audio, 'test-ear', { channelCount: 2, outputChannelCount: [1] });
    ear.port.onmessage = ({ data }) => {
      if (data.heard !== undefined) sounds.heard.push(data.heard);
      else sounds.seconds.push(data.second);
    };
    // What is not needed for a destination is not computed. It gives silence.
    audio.createMediaStreamSource(new MediaStream([track])).connect(ear).connect(audio.destination);
    // Neither may be forgotten while it works.
    (world.ears ??= []).push(ear);
  };
}

/**
 * Gives a page that has not been opened yet a microphone and an ear.
 * @param {Page} page
 * @param {Play} [kind] what the microphone plays
 * @param {number} [frequency] of the tone
 */
export async function equip(page, kind = 'silence', frequency = 440) {
  await page.tab.evaluateOnNewDocument(wire, worklets.toString(), { kind, frequency });
}

/** What the microphone plays from now on. @param {Page} page @param {Play} kind @param {number} [frequency] */
export const play = (page, kind, frequency = 440) =>
  page.tab.evaluate((next) => /** @type {any} */ (window).play(next), { kind, frequency });

/** Has the page talk, by its own button. @param {Page} page */
export async function talk(page) {
  const is = (/** @type {string} */ state) =>
    page.until(`the button to be ${state}`, (wanted) => document.querySelector('#talk')?.getAttribute('data-state') === wanted, state);
  await is('off');
  await page.press('#hands-free');
  await is('talking');
}

/** Has the page listen to the bench's sound, once it is there. @param {Page} page */
export async function listenIn(page) {
  await page.until('sound from the bench', () => {
    const world = /** @type {any} */ (window);
    /** @type {RTCPeerConnection | undefined} */
    const connection = world.plainConnection ?? world.periscope?.peerConnection();
    const lines = connection?.getTransceivers() ?? [];
    const line = lines.find(({ receiver, currentDirection }) => receiver.track.kind === 'audio' && /recv/.test(currentDirection ?? ''));
    if (line === undefined || line.receiver.track.muted) return false;
    void world.listen(line.receiver.track);
    return true;
  });
  await page.until('the audio engine', () => /** @type {any} */ (window).sounds.state === 'running');
}

/** What has been made and heard since this was asked before. @param {Page} page @returns {Promise<Sounds>} */
export const sounds = (page) =>
  page.tab.evaluate(() => {
    const { sounds: all } = /** @type {any} */ (window);
    const { state } = all;
    return { sent: all.sent.splice(0), heard: all.heard.splice(0), seconds: all.seconds.splice(0), state };
  });

/** Waits for a second of sound that is as wanted, from now on; gives it. @param {Page} page @param {(left: Side, right: Side) => boolean} isWanted */
export async function hearsInPage(page, isWanted) {
  await sounds(page);
  /** @type {[Side, Side] | undefined} */
  let last;
  for (let i = 0; i < 20; i++) {
    const next = await page.until('a second of sound', () => /** @type {any} */ (window).sounds.seconds.shift());
    last = /** @type {[Side, Side]} */ (next);
    if (isWanted(...last)) return last;
  }
  throw new Error(`20 s of sound were never as wanted; the last of it was ${JSON.stringify(last)}`);
}
