/**
 * What the button for talking shows, and the sentence below it. Pure.
 */

import type { Talk } from '../control';
import type { MicrophoneState } from './talker';
import { NEEDS_HTTPS, NO_MICROPHONES, sentence } from './trouble';

export type TalkState = 'off' | 'ready' | 'asking' | 'talking' | 'refused' | 'unavailable';

/** What a person needs to know; a talker knows most of it. */
export interface Situation {
  /** Whether the browser lends this page microphones at all; `insecure`: not to a page from there. */
  access: 'granted' | 'insecure' | 'missing';
  bench: Talk | null;
  canTalk: boolean;
  /** This page's number at the bench. */
  peer: number | null;
  microphone: MicrophoneState;
  wants: boolean;
  isHeard: boolean;
  isHeld: boolean;
  isHandsFree: boolean;
  isMuted: boolean;
  /** The system or the browser gives silence in place of the microphone. */
  isSilenced: boolean;
  refusal: string | null;
  keyed: readonly string[];
}

export interface View {
  state: TalkState;
  note: string;
  isProblem: boolean;
  /** Nothing that a person does here lets this page talk: little is shown of it. */
  isQuiet: boolean;
}

export function view(situation: Situation): View {
  const { access, bench, canTalk, microphone, wants, refusal } = situation;
  const others = whoTalks(situation);
  const keyed = situation.keyed.length === 0 ? '' : ` Keyed: ${listed(situation.keyed)}.`;
  const say = (state: TalkState, note: string, isProblem = false): View => ({ state, note, isProblem, isQuiet: false });
  if (bench === null) return say('unavailable', 'There is no connection to the bench.');
  if (!canTalk) return { ...say('unavailable', unavailable(bench)), isQuiet: bench.reason !== '' || bench.floor === 'none' };
  if (access !== 'granted') return { ...say('unavailable', access === 'insecure' ? NEEDS_HTTPS : NO_MICROPHONES), isQuiet: true };
  if (refusal !== null) return say('refused', `You are not heard: ${ended(refusal)}`, true);
  if (microphone.kind === 'failed') return say('off', sentence(microphone.why), true);
  if (wants && microphone.kind !== 'open') return say('asking', 'Waiting for the microphone. If the browser asks for it, allow it.');
  if (wants && !situation.isHeard) return say('asking', 'Asking the bench …');
  if (wants && situation.isSilenced) return say('talking', 'You could be heard, but the browser or the system has switched the microphone off.', true);
  if (wants) return say('talking', `You are heard at the bench.${keyed}${others}`);
  if (situation.isMuted) return say(microphone.kind === 'open' ? 'ready' : 'off', `${muted(situation)}${others}`, situation.isHeld || situation.isHandsFree);
  return say(microphone.kind === 'open' ? 'ready' : 'off', others === '' ? 'Hold the button or the space bar to talk.' : others.trim());
}

function unavailable({ floor, reason, mid }: Talk): string {
  if (reason !== '') return `You cannot talk here: ${ended(reason)}`;
  if (floor === 'none') return 'The bench listens to nobody.';
  return mid === null ? 'The bench makes ready to listen …' : 'The line to the bench is being set up …';
}

function muted({ isHeld, isHandsFree }: Situation): string {
  return isHeld || isHandsFree ? 'You are muted: nobody hears you.' : 'You are muted.';
}

/** The others who talk, with a space before it; empty where nobody does. */
function whoTalks({ bench, peer }: Situation): string {
  const others = (bench?.talking ?? []).filter((number) => number !== peer);
  if (others.length === 0) return '';
  const who = others.length === 1 ? `Viewer ${others[0]} is` : `Viewers ${listed(others)} are`;
  return ` ${who} talking${bench?.floor === 'one' ? ', and only one may at a time' : ''}.`;
}

function listed(names: readonly (string | number)[]): string {
  const last = names[names.length - 1] ?? '';
  return names.length < 2 ? String(last) : `${names.slice(0, -1).join(', ')} and ${last}`;
}

/** With a full stop behind it, and not longer than a person would read. */
function ended(text: string): string {
  const short = text.trim().slice(0, 300);
  return /[.!?…]$/.test(short) ? short : `${short}.`;
}

/** The words on the button. */
export const LABELS: Record<TalkState, string> = {
  off: 'Hold to talk',
  ready: 'Hold to talk',
  asking: 'Wait …',
  talking: 'Talking',
  refused: 'Not heard',
  unavailable: 'Hold to talk',
};
