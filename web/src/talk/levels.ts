/**
 * How loud the microphone and the bench are. `loudness` and `part` are pure.
 *
 * Nothing is measured that nobody sees: out of sight the meters and the browser's audio engine behind them rest.
 */

/** Milliseconds between two looks, and enough samples to miss nothing in between. */
const EVERY = 50;
const WINDOW = 2048;
/** The left end of a meter, in dBFS. */
const FLOOR = -60;
/** From here on a microphone is likely to clip. */
const HOT = -1;

export interface Loudness {
  /** Decibels below full scale; -Infinity for silence. */
  mean: number;
  peak: number;
}

export function loudness(samples: Float32Array): Loudness {
  let sum = 0;
  let peak = 0;
  for (const sample of samples) {
    sum += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  return { mean: 10 * Math.log10(sum / samples.length), peak: 20 * Math.log10(peak) };
}

/** How much of the meter is filled, from 0 to 1. */
export function part(decibels: number): number {
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR));
}

class Meter {
  loudness: Loudness | null = null;
  private readonly samples = new Float32Array(WINDOW);
  private inputs: { stream: MediaStream; source: MediaStreamAudioSourceNode }[] = [];
  private analyser: AnalyserNode | null = null;
  private shown = -1;

  constructor(private readonly box: HTMLElement) {}

  get isNeeded(): boolean {
    return this.streams.length > 0;
  }

  streams: MediaStream[] = [];

  connect(context: AudioContext): void {
    if (this.analyser === null) {
      this.analyser = context.createAnalyser();
      this.analyser.fftSize = WINDOW;
    }
    const { analyser } = this;
    const gone = this.inputs.filter(({ stream }) => !this.streams.includes(stream));
    for (const { source } of gone) source.disconnect();
    this.inputs = this.inputs.filter((input) => !gone.includes(input));
    for (const stream of this.streams) {
      if (this.inputs.some((input) => input.stream === stream)) continue;
      try {
        const source = context.createMediaStreamSource(stream);
        source.connect(analyser);
        this.inputs.push({ stream, source });
      } catch {
        // Not every browser mixes sample rates.
      }
    }
  }

  measure(): void {
    if (this.analyser === null || !this.isNeeded) {
      this.loudness = null;
    } else {
      this.analyser.getFloatTimeDomainData(this.samples);
      this.loudness = loudness(this.samples);
    }
    this.paint();
  }

  private paint(): void {
    const filled = this.loudness === null ? 0 : Math.round(part(this.loudness.mean) * 100);
    const isHot = this.loudness !== null && this.loudness.peak > HOT;
    this.box.classList.toggle('hot', isHot);
    if (filled === this.shown) return;
    this.shown = filled;
    this.box.setAttribute('aria-valuenow', String(filled));
    (this.box.firstElementChild as HTMLElement).style.transform = `scaleX(${filled / 100})`;
  }
}

export class Levels {
  readonly microphone: Meter;
  readonly sound: Meter;
  private context: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  /** Browsers let a page that no person has touched make no sound, and do not start its audio engine. */
  private mayRun = false;

  constructor(microphone: HTMLElement, sound: HTMLElement) {
    this.microphone = new Meter(microphone);
    this.sound = new Meter(sound);
    document.addEventListener('visibilitychange', () => this.changed());
  }

  setMicrophone(track: MediaStreamTrack | null): void {
    this.microphone.streams = track === null ? [] : [new MediaStream([track])];
    this.allow(track !== null);
  }

  setSound(streams: MediaStream[], isHeard: boolean): void {
    this.sound.streams = streams;
    this.allow(isHeard);
  }

  private allow(mayRun: boolean): void {
    this.mayRun ||= mayRun;
    this.changed();
  }

  private changed(): void {
    const { microphone, sound } = this;
    const isOn = this.mayRun && !document.hidden && (microphone.isNeeded || sound.isNeeded);
    clearInterval(this.timer);
    for (const meter of [microphone, sound]) if (!meter.isNeeded) meter.measure();
    if (!isOn) {
      void this.context?.suspend().catch(() => undefined);
      return;
    }
    const context = this.start();
    if (context === null) return;
    for (const meter of [microphone, sound]) meter.connect(context);
    if (context.state === 'suspended') void context.resume().catch(() => undefined);
    this.timer = setInterval(() => {
      for (const meter of [microphone, sound]) meter.measure();
    }, EVERY);
  }

  private start(): AudioContext | null {
    try {
      // It is to listen, not to be heard: where the browser can do without a device, it does.
      this.context ??= new AudioContext({ latencyHint: 'playback', sinkId: { type: 'none' } } as AudioContextOptions);
    } catch {
      // A browser without the means shows no levels.
    }
    return this.context;
  }
}
