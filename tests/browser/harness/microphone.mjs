// @ts-check
/** Fake microphones that play a steady tone, and hearing it again in what a bench gives out. */

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RATE = 48_000;
const CHANNELS = 2;
/** Signed samples of two bytes. */
const FRAME = 2 * CHANNELS;
/** In Hz: no multiple of what benches send in tests. */
export const TONE = 700;
/** Of a file for a microphone, in seconds: browsers play it again and again, and a whole number of waves has no seam. */
const LENGTH = 2;

/** So long a piece of sound has to be as wanted, in milliseconds. */
export const MOMENT = 100;

/** What a bench's `audio_src` pad goes through so that a test can hear it. */
export const HEARD = `audio/x-raw,format=S16LE,rate=${RATE},channels=${CHANNELS}`;

/** A WAV file with a tone at half of full scale. @param {string} path @param {number} frequency */
async function writeTone(path, frequency) {
  const count = RATE * LENGTH;
  const file = Buffer.alloc(44 + count * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(count * 2, 40);
  for (let n = 0; n < count; n++) file.writeInt16LE(Math.round(16_384 * Math.sin((2 * Math.PI * frequency * n) / RATE)), 44 + n * 2);
  await writeFile(path, file);
}

/** What a browser is started with that is to have such a microphone and may use it. @param {number} [frequency] */
export async function microphone(frequency = TONE) {
  const file = join(await mkdtemp(join(tmpdir(), 'periscope-microphone-')), 'tone.wav');
  await writeTone(file, frequency);
  return {
    flags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${file}`],
    preferences: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.navigator.audio.fake_frequency': frequency,
    },
  };
}

/**
 * Frequency and level of the left channel. A steady tone crosses zero upwards once a wave.
 * @param {Buffer} sound as `HEARD`
 */
export function measure(sound) {
  const count = Math.floor(sound.length / FRAME);
  let square = 0;
  let first = -1;
  let last = -1;
  let waves = -1;
  let before = 0;
  for (let n = 0; n < count; n++) {
    const sample = sound.readInt16LE(n * FRAME) / 32_768;
    square += sample * sample;
    if (before < 0 && sample >= 0) {
      last = n - sample / (sample - before);
      if (first < 0) first = last;
      waves++;
    }
    before = sample;
  }
  return {
    /** Hz; 0 where there is no wave. */
    frequency: waves > 0 ? (waves * RATE) / (last - first) : 0,
    /** dBFS of a sine of this power, 0 being the loudest. */
    level: 10 * Math.log10((2 * square) / Math.max(1, count)),
  };
}

/** @param {number} milliseconds */
const bytesOf = (milliseconds) => Math.round((RATE * milliseconds) / 1000) * FRAME;

/** What a bench gives out from now on, so many milliseconds of it. @param {import('./bench.mjs').Bench} bench @param {number} milliseconds */
export function listen(bench, milliseconds) {
  bench.output.forget();
  return bench.output.take(bytesOf(milliseconds));
}

/** Whether it is a clean tone of this frequency. @param {Buffer} sound @param {number} [frequency] */
export function isTone(sound, frequency = TONE) {
  const heard = measure(sound);
  return heard.level > -30 && Math.abs(heard.frequency - frequency) < frequency * 0.02;
}

/** @param {Buffer} sound */
export const isSilent = (sound) => measure(sound).level < -60;

/** Listens, from now on, until the sound of a moment is as wanted. @param {import('./bench.mjs').Bench} bench @param {(sound: Buffer) => boolean} isWanted */
export async function hears(bench, isWanted) {
  const moments = 100;
  let last = measure(Buffer.alloc(0));
  bench.output.forget();
  for (let i = 0; i < moments; i++) {
    const sound = await bench.output.take(bytesOf(MOMENT));
    if (isWanted(sound)) return;
    last = measure(sound);
  }
  throw new Error(`10 s of sound were never as wanted; the last of it has ${Math.round(last.frequency)} Hz at ${last.level.toFixed(1)} dBFS`);
}

/** How loud a tone of this frequency is in the left channel, whatever else is there: dBFS. @param {Buffer} sound as `HEARD` @param {number} frequency */
export function strength(sound, frequency) {
  const count = Math.floor(sound.length / FRAME);
  let [real, imaginary, weight] = [0, 0, 0];
  for (let n = 0; n < count; n++) {
    // A window: what is cut off at the ends does not look like other frequencies.
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (n + 0.5)) / count);
    const sample = (window * sound.readInt16LE(n * FRAME)) / 32_768;
    const phase = (2 * Math.PI * frequency * n) / RATE;
    real += sample * Math.cos(phase);
    imaginary += sample * Math.sin(phase);
    weight += window;
  }
  return Math.max(-120, 20 * Math.log10((2 * Math.hypot(real, imaginary)) / weight));
}
