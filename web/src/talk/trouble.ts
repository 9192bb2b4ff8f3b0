/**
 * Why a page has no microphone, and what a person can do. Pure.
 */

/** `gone`: it was open and was unplugged. `in-use`: something else holds it, or the system does not let go of it. */
export type Trouble = 'refused' | 'none' | 'in-use' | 'gone' | 'broken';

/** From the error of `getUserMedia`. */
export function troubleOf(error: unknown): Trouble {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'none';
    case 'NotReadableError':
    case 'AbortError':
      return 'in-use';
    default:
      return 'broken';
  }
}

export function sentence(trouble: Trouble): string {
  switch (trouble) {
    case 'refused':
      return 'The browser does not let this page use the microphone: allow it beside the page’s address (or in the system’s privacy settings), then press again.';
    case 'none':
      return 'There is no microphone: plug one in, then press again.';
    case 'in-use':
      return 'The microphone cannot be opened: another program may have it. Close that one or choose another microphone below, then press again.';
    case 'gone':
      return 'The microphone was unplugged: plug it in again, or another one.';
    case 'broken':
      return 'The browser could not open the microphone: choose another one below, or reload this page.';
  }
}

export const NEEDS_HTTPS = 'Browsers lend the microphone to no page from http: open this one by https, where the browser warns once because the bench vouches for itself, or save it and open the file.';
export const NO_MICROPHONES = 'This browser lends pages no microphone.';
export const NOT_SAVED = 'The bench did not give the page again. Save it with the browser’s own menu.';
