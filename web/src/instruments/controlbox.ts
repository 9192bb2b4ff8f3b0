/**
 * The box that says who controls the instruments, how they are, and what went wrong with them.
 */

import type { Arbitration, Ask, Refused, Safe } from '../control';
import { element, make } from '../dom';
import { clock } from '../log';
import * as arbiter from './arbiter';
import type { Desk } from '../desk';

const REFUSED_STAYS = 6_000;
const COUNT_EVERY = 500;

export class ControlBox {
  private readonly box = element('control');
  private readonly sentence = element('control-state');
  private readonly states = element('instrument-state');
  private readonly safe = element('safe');
  private readonly buttons = { take: element<HTMLButtonElement>('take'), release: element<HTMLButtonElement>('release'), give: element<HTMLButtonElement>('give'), keep: element<HTMLButtonElement>('keep') };
  private situation: arbiter.Situation = { arbitration: null, rights: 'control', peer: null };
  /** Since when somebody has been waiting. */
  private askedAt = 0;
  private refusal: { text: string; ends: ReturnType<typeof setTimeout> } | null = null;
  private counting: ReturnType<typeof setInterval> | undefined;
  private firstAsking = 0;

  constructor(private readonly ask: (message: Ask) => void) {
    this.buttons.take.onclick = () => this.ask({ type: 'take' });
    this.buttons.release.onclick = () => this.ask({ type: 'release' });
    this.buttons.give.onclick = () => this.ask({ type: 'give', to: this.firstAsking });
    this.buttons.keep.onclick = () => this.ask({ type: 'keep' });
    element('safe-close').onclick = () => (this.safe.hidden = true);
  }

  show(situation: arbiter.Situation, desk: Desk | null): void {
    const before = this.situation.arbitration;
    const now = situation.arbitration;
    this.situation = situation;
    if (waiters(before) !== waiters(now)) this.askedAt = performance.now();
    if (arbiter.wasKept(before, now)) this.refuse(arbiter.KEPT);
    else if (before?.you !== now?.you || before?.holder !== now?.holder) this.forgetRefusal();
    const states = [...(desk?.states.values() ?? [])];
    // Where nothing takes commands there is nothing to control.
    this.box.hidden = now === null || !states.some(({ sends }) => sends);
    this.showStates(desk);
    clearInterval(this.counting);
    if (now !== null && now.waiting.length > 0 && now.timeout >= 0) this.counting = setInterval(() => this.paint(), COUNT_EVERY);
    this.paint();
  }

  refused(message: Refused): string {
    const sentence = arbiter.refusal(message);
    this.refuse(sentence);
    return sentence;
  }

  safety(message: Safe): void {
    element('safe-text').textContent = `${clock(new Date()).slice(0, 8)} ${arbiter.safety(message)}`;
    this.safe.hidden = false;
  }

  private refuse(text: string): void {
    this.forgetRefusal();
    const ends = setTimeout(() => {
      this.refusal = null;
      this.paint();
    }, REFUSED_STAYS);
    this.refusal = { text, ends };
    this.paint();
  }

  private forgetRefusal(): void {
    if (this.refusal !== null) clearTimeout(this.refusal.ends);
    this.refusal = null;
  }

  private paint(): void {
    const view = arbiter.view(this.situation, performance.now() - this.askedAt);
    const text = this.refusal === null ? view.sentence : `${this.refusal.text} ${view.sentence}`;
    const [words, countdown] = [...this.sentence.children] as [HTMLElement, HTMLElement];
    if (words.textContent !== text) words.textContent = text;
    countdown.textContent = view.countdown === '' ? '' : ` ${view.countdown}`;
    const state = this.refusal === null ? view.state : 'refused';
    this.sentence.dataset['state'] = state;
    this.box.dataset['state'] = view.state;
    this.box.classList.toggle('asked', view.asking.length > 0);
    const [first] = view.asking;
    this.firstAsking = first ?? 0;
    this.buttons.take.hidden = !view.canTake;
    this.buttons.take.textContent = view.state === 'other' ? 'Ask for control' : 'Take control';
    this.buttons.release.hidden = !view.canRelease;
    this.buttons.release.textContent = view.state === 'waiting' ? 'Do not ask any more' : 'Release control';
    this.buttons.give.hidden = this.buttons.keep.hidden = first === undefined;
    this.buttons.give.textContent = `Give it to viewer ${first ?? ''}`;
  }

  private showStates(desk: Desk | null): void {
    const shown = [...(desk?.states.values() ?? [])].filter(({ state, text, transmitting }) => state !== 'none' || text !== '' || transmitting);
    this.states.replaceChildren(
      ...shown.map(({ label, state, text, transmitting }) => {
        const line = make('p');
        line.dataset['state'] = state;
        line.dataset['label'] = label;
        const word = state === 'waiting' ? 'not there (unplugged?). The bench waits for it.' : state === 'open' ? 'ready' : '';
        line.append(make('b', '', label), ` ${text !== '' ? text : word}`);
        if (transmitting) line.append(' ', make('span', 'on-air', 'Transmitting'));
        return line;
      }),
    );
    this.states.hidden = shown.length === 0;
  }
}

/** Who waits for whom, in one word: a change of it starts the clock. */
function waiters(arbitration: Arbitration | null): string {
  return arbitration === null ? '' : `${arbitration.holder} ${arbitration.you === 'waiting'} ${arbitration.waiting[0] ?? ''}`;
}
