/**
 * A button that does something as long as it is held: push to talk. It lets go as soon as there is any doubt that a
 * person still holds it.
 */

export interface HoldEvents {
  /** False if the command could not be sent: then there is nothing to let go of. */
  press(): boolean;
  release(): void;
}

const KEYS = [' ', 'Enter'];

/** Returns what lets go from outside, as when control is lost. */
export function makeHold(button: HTMLElement, events: HoldEvents): () => void {
  let by: 'pointer' | 'key' | null = null;
  const press = (how: 'pointer' | 'key'): void => {
    if (by !== null || button.getAttribute('aria-disabled') === 'true') return;
    if (!events.press()) return;
    by = how;
    button.setAttribute('aria-pressed', 'true');
  };
  const release = (): void => {
    if (by === null) return;
    by = null;
    button.setAttribute('aria-pressed', 'false');
    events.release();
  };
  const on = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void): void => button.addEventListener(name, act);

  on('pointerdown', (event) => {
    if (event.button !== 0) return;
    // The pointer may leave the button; it is let go of all the same when the finger is lifted.
    button.setPointerCapture(event.pointerId);
    press('pointer');
  });
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture'] as const) on(name, () => by === 'pointer' && release());
  on('keydown', (event) => {
    if (!KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!event.repeat) press('key');
  });
  on('keyup', (event) => {
    if (KEYS.includes(event.key) && by === 'key') release();
  });
  on('blur', release);
  // A long touch must open no menu.
  on('contextmenu', (event) => event.preventDefault());
  window.addEventListener('blur', release);
  // Before the page says good-bye.
  window.addEventListener('pagehide', release, { capture: true });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) release();
  });
  button.setAttribute('aria-pressed', 'false');
  return release;
}
