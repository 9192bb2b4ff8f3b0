/**
 * A button that does something as long as it is held: push to talk. It lets go as soon as there is any doubt that a
 * person still holds it.
 */

/** A button, and the key that stands for it all over the page. */
export interface Hold {
  /** Lets go from outside, as when control is lost. */
  release(): void;
  /** A key that does the same wherever the focus is, but for where the key has another meaning. */
  alsoBy(key: string): void;
}

export interface HoldEvents {
  /** False if the command could not be sent: then there is nothing to let go of. */
  press(): boolean;
  release(): void;
}

const KEYS = [' ', 'Enter'];

/** Elements to which keys mean something of their own. */
const OWN_KEYS = 'input, textarea, select, button, summary, a[href], [contenteditable], dialog';

export function makeHold(button: HTMLElement, events: HoldEvents): Hold {
  let by: 'pointer' | 'key' | 'page' | null = null;
  const press = (how: 'pointer' | 'key' | 'page'): void => {
    if (by !== null || button.matches('[aria-disabled="true"], :disabled')) return;
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
  on('blur', () => by !== 'page' && release());
  // A long touch must open no menu.
  on('contextmenu', (event) => event.preventDefault());
  window.addEventListener('blur', release);
  // Before the page says good-bye.
  window.addEventListener('pagehide', release, { capture: true });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) release();
  });
  button.setAttribute('aria-pressed', 'false');

  const alsoBy = (key: string): void => {
    document.addEventListener('keydown', (event) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey || button.matches(':disabled')) return;
      if (event.target instanceof Element && event.target.closest(OWN_KEYS) !== null) return;
      // The page does not scroll away under who talks.
      event.preventDefault();
      if (!event.repeat) press('page');
    });
    // Wherever the focus has gone meanwhile.
    document.addEventListener('keyup', (event) => event.key === key && by === 'page' && release(), { capture: true });
  };
  return { release, alsoBy };
}
