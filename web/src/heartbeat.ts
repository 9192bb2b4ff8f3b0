/**
 * While this page has control or talks, the bench hears a heartbeat of it: without one it tells its instruments to stop,
 * and hears the page no more (PROTOCOL.md, "The heartbeat"). A worker keeps the time, since a page out of sight has slow
 * timers; the page itself sends, so that a page that hangs falls silent.
 */

/** Label of the channel. */
export const HEARTBEAT = 'periscope-heartbeat';
/**
 * Six in a row may get lost before the bench acts (750 ms): at 15 % loss more do once in a day, of five a second three did
 * within a minute.
 */
const EVERY = 100;

/** Calls `beat` all the time; gives what ends it. */
export type Timer = (every: number, beat: () => void) => () => void;

export class Heartbeat {
  private count = 0;
  private stop: (() => void) | null = null;

  constructor(private readonly timer: Timer = fromWorker) {}

  /** Begins or ends it. `channel` is null where the bench has opened none. */
  run(channel: RTCDataChannel | null): void {
    this.stop?.();
    this.stop = null;
    if (channel === null) return;
    const beat = (): void => this.beat(channel);
    beat();
    this.stop = this.timer(EVERY, beat);
  }

  private beat(channel: RTCDataChannel): void {
    if (channel.readyState !== 'open') return;
    const message = new DataView(new ArrayBuffer(4));
    this.count = (this.count + 1) >>> 0;
    message.setUint32(0, this.count);
    try {
      channel.send(message.buffer);
    } catch {
      // The channel is going down, which the bench notices by itself.
    }
  }
}

/** A browser may forbid workers, most of all to files; then the page's own timer has to do. */
function fromWorker(every: number, beat: () => void): () => void {
  let own: ReturnType<typeof setInterval> | undefined;
  const withoutWorker = (): void => {
    own ??= setInterval(beat, every);
  };
  let worker: Worker | null = null;
  let url = '';
  try {
    url = URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${every})`], { type: 'text/javascript' }));
    worker = new Worker(url);
    worker.onmessage = beat;
    worker.onerror = withoutWorker;
  } catch {
    withoutWorker();
  }
  return () => {
    worker?.terminate();
    URL.revokeObjectURL(url);
    clearInterval(own);
  };
}
