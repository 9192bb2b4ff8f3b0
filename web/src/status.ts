/**
 * The one sentence at the top, and the state of the page that goes with it.
 */

import { element } from './dom';

export type State = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'failed';

const TITLES: Record<State, string> = {
  idle: 'not connected',
  connecting: 'connecting',
  connected: 'connected',
  reconnecting: 'reconnecting',
  failed: 'failed',
};

const NOTICE_STAYS = 12_000;

export class Status {
  state: State = 'idle';
  private readonly line = element('status');
  private readonly again = element<HTMLButtonElement>('again');
  private readonly sentence = document.createElement('span');
  private readonly countdown = document.createElement('span');
  private lasting = '';
  private noticeEnds: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    // A number that changes each second is for the eye only: read aloud it would never stop.
    this.countdown.setAttribute('aria-hidden', 'true');
    this.line.append(this.sentence, this.countdown);
  }

  /** `again` is the label of the button that tries once more, null for none. */
  show(state: State, sentence: string, again: string | null = null): void {
    const isNews = state !== this.state || sentence !== this.lasting;
    this.state = state;
    this.lasting = sentence;
    this.line.dataset['state'] = state;
    document.documentElement.dataset['state'] = state;
    document.title = `Periscope — ${TITLES[state]}`;
    this.again.hidden = again === null;
    if (again !== null) this.again.textContent = again;
    this.countdown.textContent = '';
    if (isNews || this.noticeEnds === null) this.endNotice();
  }

  /** Changes what is said in the present state, without talking over a notice. */
  reword(sentence: string): void {
    this.lasting = sentence;
    if (this.noticeEnds === null) this.say(sentence);
  }

  /** Something to read for a while; the state stays what it is. */
  notice(sentence: string): void {
    this.endNotice();
    this.say(sentence);
    this.countdown.textContent = '';
    this.noticeEnds = setTimeout(() => this.endNotice(), NOTICE_STAYS);
  }

  count(text: string): void {
    this.countdown.textContent = this.noticeEnds === null ? ` ${text}` : '';
  }

  onAgain(action: () => void): void {
    this.again.onclick = action;
  }

  private endNotice(): void {
    if (this.noticeEnds !== null) clearTimeout(this.noticeEnds);
    this.noticeEnds = null;
    this.say(this.lasting);
  }

  private say(sentence: string): void {
    if (this.sentence.textContent !== sentence) this.sentence.textContent = sentence;
  }
}
