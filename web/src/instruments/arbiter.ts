/**
 * Who controls the instruments, in words, and what a person may do about it. Pure.
 */

import type { Arbitration, Refused, Safe } from '../control';

export interface Situation {
  /** Null: the bench has no control to give, and takes commands of everybody who may send any. */
  arbitration: Arbitration | null;
  rights: 'view' | 'control';
  /** This page's number at the bench. */
  peer: number | null;
}

export const VIEW_ONLY = 'You may watch, not send: the code or address that led here is for viewing. Ask the bench’s owner for one with control.';

/** Why this page cannot send commands; null if it can. */
export function obstacle({ arbitration, rights }: Situation): string | null {
  if (rights === 'view') return VIEW_ONLY;
  if (arbitration === null || arbitration.you === 'holder' || arbitration.holder === null) return null;
  return arbitration.you === 'waiting'
    ? `Viewer ${arbitration.holder} has control. You have asked for it.`
    : `Viewer ${arbitration.holder} has control. Take control to send commands.`;
}

export interface View {
  state: 'none' | 'waiting' | 'holder' | 'other';
  sentence: string;
  /** How long it stays so: changes each second, and is not read out. */
  countdown: string;
  canTake: boolean;
  canRelease: boolean;
  /** Who asks for what this page has, the first one first. */
  asking: number[];
}

/** `asked`: how long this page, or the first who asks, has been waiting, in milliseconds. */
export function view({ arbitration, rights }: Situation, asked: number): View {
  const mayTake = rights === 'control';
  if (arbitration === null) return { state: 'none', sentence: '', countdown: '', canTake: false, canRelease: false, asking: [] };
  const { holder, you, waiting, timeout } = arbitration;
  const seconds = timeout < 0 ? null : Math.max(0, Math.ceil((timeout - asked) / 1000));
  switch (you) {
    case 'holder': {
      const first = waiting[0];
      const sentence = first === undefined ? 'You have control.' : `You have control. Viewer ${first} asks for it.`;
      const countdown = first === undefined || seconds === null ? '' : `Without an answer it gets control in ${seconds} s.`;
      return { state: 'holder', sentence, countdown, canTake: false, canRelease: true, asking: waiting };
    }
    case 'waiting': {
      const who = holder === null ? 'the bench' : `viewer ${holder}`;
      const countdown = seconds === null ? '' : `At the latest you get it in ${seconds} s.`;
      return { state: 'waiting', sentence: `You have asked ${who} for control.`, countdown, canTake: false, canRelease: true, asking: [] };
    }
    default:
      if (holder === null) {
        const how = mayTake ? 'Nobody has control. A command takes it.' : 'Nobody has control. You may watch.';
        return { state: 'none', sentence: how, countdown: '', canTake: mayTake, canRelease: false, asking: [] };
      }
      return { state: 'other', sentence: `Viewer ${holder} has control.`, countdown: '', canTake: mayTake, canRelease: false, asking: [] };
  }
}

/** What to tell of a request that came to nothing. */
export const KEPT = 'Your request for control was refused.';

/** Whether the step from one message to the next means that this page was not given what it asked for. */
export function wasKept(before: Arbitration | null, now: Arbitration | null): boolean {
  return before?.you === 'waiting' && now !== null && now.you === 'none' && now.holder !== null;
}

export function refusal({ label, reason, text, more }: Refused): string {
  const command = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  const others = more > 0 ? ` So ${more === 1 ? 'was one other command' : `were ${more} other commands`}.` : '';
  return `${label} did not get ${command === '' ? 'the command' : `“${command}”`}: ${ended(reason, 'the bench refused it')}${others}`;
}

export function safety({ label, reason }: Safe): string {
  return `${label ?? 'All instruments'} told to stop: ${ended(reason, 'the bench wanted it')}`;
}

function ended(text: string, otherwise: string): string {
  const said = text.trim().slice(0, 300) || otherwise;
  return /[.!?…]$/.test(said) ? said : `${said}.`;
}
