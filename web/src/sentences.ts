/**
 * What the page says to a person when something does not work: what happened, and what to try. Pure.
 */

import type { Cause } from './connection';
import { VERSION, type Welcome } from './control';
import { hostName, troubleWith, type CodeTrouble } from './code';
import type { Pasted } from './description';
import type { Home } from './ways';
import { WhepError } from './whep';

export const NO_WEBRTC = 'This browser has no WebRTC, or it is switched off. Open this page in a current Firefox, Chromium, Edge or Safari.';
export const NO_NETWORK = 'This browser found no network on this computer. Connect it to the bench’s network, then reload this page.';
export const NO_KEY =
  'This address lacks its key, the part behind #. The bench’s console prints the whole address in the line “periscope: page”: open that one, or connect by hand below.';
export const CARRY_ANSWER = 'Carry the answer to the bench. This page keeps trying.';
export const CARRY_SHORT_ANSWER = 'Carry these 50 characters to the bench. It connects as soon as it has them.';
export const OFFER_GONE = 'The bench does not wait for this answer any more. Type offer in its console, and paste the new offer here.';
export const RECONNECTING = 'The connection to the bench was lost. Trying again';
export const SILENT = 'The bench does not answer at the moment. This page waits for it.';
export const KEY_ALONE = 'This is the key of an address, but not the address. Paste the whole line that the bench prints behind “periscope: page”.';
export const NO_FINGERPRINT = 'That text has no certificate fingerprint, so nobody could tell who is at the other end. Paste what the bench printed, unchanged.';
export const OWN_CODE = 'That is this page’s own code. Paste it into the bench’s console, then bring the bench’s answer here.';
export const OTHER_OFFER = 'This answer belongs to another offer, perhaps from before this page was reloaded. Copy the new code from step 1 and paste it into the bench.';
export const BAD_OFFER = 'The browser cannot use this offer. Was it copied whole? Type offer in the bench’s console to get a new one.';
export const BAD_ANSWER = 'The browser cannot use this answer. Copy it once more, whole. If that does not help, take the new code from step 1 to the bench.';

export function unreadable(why: Extract<Pasted, { kind: 'unreadable' }>['why']): string {
  switch (why) {
    case 'empty':
      return 'The box is empty. Paste what the bench printed: a code, an address, an offer or an answer.';
    case 'cut-off':
      return 'Part of this text is missing or changed. Copy the whole text once more, from its first to its last character.';
    case 'too-long':
      return 'This text is far too long to come from a bench. Copy only what stands behind “periscope: offer” or “periscope: answer”.';
    case 'unknown':
      return 'This is no code of a bench, and no address, offer or answer. Copy what the bench’s console prints behind “periscope:”.';
  }
}

/** Why a text that looks like a code is none. */
export function noCode(trouble: CodeTrouble): string {
  switch (trouble) {
    case 'cut-off':
      return 'Part of this code is missing or changed. Copy the whole line behind “periscope: code” once more, to its last character.';
    case 'other-version':
      return 'This code was made by another version of Periscope. Open the page that came with that version, or the one that the bench serves itself.';
    case 'short-answer':
      return 'This is an answer that belongs in the bench’s console. Paste the bench’s code here.';
  }
}

/** Why a bench to which the page goes by itself was not reached. */
export function notReached(home: Home, why: Cause | WhepError): string {
  if (home.kind === 'whep') {
    if (!(why instanceof WhepError)) return ended(why);
    // An address may hold a code in place of its key, and lose the end of it.
    const isPartOfCode = why.failure === 'wrong-key' && troubleWith(home.address.key) === 'cut-off';
    return isPartOfCode ? noCode('cut-off') : refused(why, home.address.base);
  }
  if (why instanceof WhepError) return 'The browser cannot use this code. Ask the bench’s owner for a fresh one.';
  if (why.kind === 'wrong-certificate') {
    return 'A bench answers, but it is not the one that made this code: its certificate is another one. Ask the bench’s owner for a fresh code.';
  }
  return why.kind === 'bye' ? ended(why) : noAnswer(home, navigator.userAgent);
}

/** Whether trying again can come to anything else. */
export function isFinal(why: Cause | WhepError): boolean {
  if (why instanceof WhepError) return why.failure === 'wrong-key';
  return why.kind === 'bye' || why.kind === 'wrong-certificate';
}

export function noAnswer({ code }: Pick<Extract<Home, { kind: 'code' }>, 'code'>, userAgent: string): string {
  const name = findsNames(userAgent) ? '' : `open http://${hostName(code)}:${code.port} or `;
  return `No answer from the bench. Is it on, and is this device on the same network? If its address has changed, ${name}ask its owner for a fresh code. A code that was revoked, used up or has expired gets no answer either.`;
}

/** Firefox on Linux does not look up `.local` names for connections; others find a bench that got another address. */
function findsNames(userAgent: string): boolean {
  return !/Linux(?!.*Android).*Firefox\//.test(userAgent);
}

/** An address without what everybody knows. */
function host(base: string): string {
  return base.replace(/^https?:\/\//, '');
}

/** Why a connection never came up, or ended. */
export function ended(cause: Cause): string {
  switch (cause.kind) {
    case 'no-path':
      return 'There is no network path to the bench. Are both on the same network? Look for a firewall, a VPN, or a guest Wi-Fi that keeps its devices apart.';
    case 'wrong-certificate':
      return 'The bench did not prove that it is the one whose text was pasted: its certificate is another one. Take a new offer or answer from its console.';
    case 'never-taken':
      return 'The bench did not take the answer within 15 minutes. Get a new offer from the bench and try again.';
    case 'lost':
    case 'silent':
      return 'The connection to the bench was lost. Is the bench on, and still on this network?';
    case 'closed':
      return 'The bench closed the connection: it was stopped, or has not heard from this page for too long. Is Periscope still running there?';
    case 'bye':
      return cause.text === '' ? 'The bench ended the session.' : `The bench ended the session: ${sentence(cause.text)}`;
  }
}

/** Why the bench at an address gave no session. */
export function refused(error: WhepError, base: string): string {
  const at = host(base);
  const detail = error.detail === '' ? '' : ` It says: ${sentence(error.detail)}`;
  switch (error.failure) {
    case 'unreachable':
      return `The bench at ${at} cannot be reached. Is Periscope running there, and is this device on the same network?`;
    case 'wrong-key':
      return 'The bench does not accept the key in this address. It may have a new one: open the address that its console prints in the line “periscope: page”.';
    case 'full':
      return `The bench has no room for one more viewer.${detail} Close another page that watches it, then try again.`;
    case 'not-a-bench':
      return `Something answers at ${at}, but it is not Periscope. Compare the address with the one in the bench’s console.`;
    case 'refused':
      return `The bench refused the connection.${detail === '' ? ' Look into its console for the reason.' : detail}`;
  }
}

export function connectingTo(home: Home): string {
  return home.kind === 'code' ? 'Connecting to the bench …' : `Connecting to ${host(home.address.base)} …`;
}

export function connected(welcome: Welcome | null): string {
  const to = welcome === null || welcome.name === '' ? 'the bench' : welcome.name;
  const peer = welcome === null || welcome.peer === null ? '' : `, as peer ${welcome.peer}`;
  return [`Connected to ${to}${peer}.`, otherVersion(welcome?.version ?? null)].join(' ').trim();
}

/** A bench that speaks another version of the protocol may do more, or less, than this page knows. */
function otherVersion(version: number | null): string {
  if (version === null || version === VERSION) return '';
  return `It speaks version ${version} of the protocol and this page version ${VERSION}: something may be missing. The page that the bench serves itself fits.`;
}

export function notSent(names: string[]): string {
  const [first = '', ...more] = names;
  const list = more.length === 0 ? first : `${[first, ...more.slice(0, -1)].join(', ')} and ${more[more.length - 1]}`;
  return `The bench does not send ${list} to this browser, which may not know the codec.`;
}

/** With a full stop behind it, whoever wrote it, and not longer than a person would read. */
function sentence(text: string): string {
  const short = text.trim().slice(0, 300);
  return /[.!?…]$/.test(short) ? short : `${short}.`;
}
