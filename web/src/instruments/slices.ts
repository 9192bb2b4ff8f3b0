/**
 * Long work in short slices, so that the page stays smooth meanwhile.
 */

/** A frame has 16 ms, and others want some of them. */
const SLICE = 8;

/** In the next task, after what else waits. Unlike timers this is not slowed down out of sight. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Does `step` until it says that nothing is left (false), and lets others have their turn every few milliseconds. */
export async function inSlices(step: () => boolean, pause = nextTask): Promise<void> {
  let until = performance.now() + SLICE;
  while (step()) {
    if (performance.now() < until) continue;
    await pause();
    until = performance.now() + SLICE;
  }
}

/** Work that comes up again and again. */
export class Chore {
  private isRunning = false;

  constructor(private readonly step: () => boolean) {}

  wake(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    void nextTask()
      .then(() => inSlices(this.step))
      .finally(() => (this.isRunning = false));
  }
}
