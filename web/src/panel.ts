/**
 * The two text boxes: what came from the bench, and what to carry to it.
 */

import { copyFrom } from './clipboard';
import { element } from './dom';

/** What #code-out holds: nothing yet, this page's offer, or its answer to the bench's offer. */
export type Outgoing = { role: 'none' | 'preparing' } | { role: 'offer' | 'answer' | 'short-answer'; code: string };

const TEXTS = {
  offer: {
    inTitle: 'Paste the bench’s code',
    inHelp: 'The bench prints it behind “periscope: code”. The page connects at once, and nothing has to be carried back. An address, an offer or an answer may be pasted here, too.',
    inBadge: '',
    outTitle: 'No code? Carry two texts',
    outHelp: 'Copy this one and paste it into the bench’s console, the terminal in which Periscope runs. Then paste the bench’s answer into the other box. Take your time: this page waits.',
    outBadge: 'or',
  },
  answer: {
    inTitle: 'The bench’s offer is in',
    inHelp: 'Nothing more to do here. To start anew, paste a code, an address or another offer.',
    inBadge: '✓',
    outTitle: 'Carry this answer to the bench',
    outHelp: 'Copy it and paste it into the bench’s console, the terminal that printed the offer. Take your time: this page keeps trying for 15 minutes.',
    outBadge: '2',
  },
  'short-answer': {
    inTitle: 'The bench’s offer is in',
    inHelp: 'Nothing more to do here. To start anew, paste a code, an address or another offer.',
    inBadge: '✓',
    outTitle: 'Carry this short answer to the bench',
    outHelp: 'These 50 characters are all that the bench needs. Paste or type them into its console, the terminal that printed the offer. Take your time: they stay good for 15 minutes.',
    outBadge: '2',
  },
} as const;

const COPIED_STAYS = 4_000;

export class ConnectPanel {
  private readonly details = element<HTMLDetailsElement>('connection');
  private readonly input = element<HTMLTextAreaElement>('code-in');
  private readonly output = element<HTMLTextAreaElement>('code-out');
  private readonly copy = element<HTMLButtonElement>('copy');
  private readonly copied = element('copied');
  private readonly steps = element('connection').querySelector<HTMLElement>('.steps')!;
  private copiedEnds: ReturnType<typeof setTimeout> | undefined;
  private folded = false;

  constructor(onText: (text: string) => void, onOpened: () => void) {
    element('connect').onclick = () => onText(this.input.value);
    this.input.addEventListener('paste', () => {
      // After the browser has put the text in. What was already there and what was pasted are read as one.
      setTimeout(() => onText(this.input.value), 0);
    });
    this.output.onfocus = () => this.output.select();
    this.copy.onclick = () => void this.copyOut();
    this.details.addEventListener('toggle', () => {
      if (this.folded && this.details.open) onOpened();
    });
    this.showOutgoing({ role: 'none' });
  }

  showOutgoing(outgoing: Outgoing): void {
    const code = 'code' in outgoing ? outgoing.code : '';
    const role = outgoing.role === 'answer' || outgoing.role === 'short-answer' ? outgoing.role : 'offer';
    if (this.output.value !== code) {
      this.output.value = code;
      this.copied.textContent = '';
    }
    this.output.placeholder = outgoing.role === 'preparing' ? 'Preparing the code …' : '';
    this.copy.disabled = code === '';
    this.steps.dataset['role'] = role === 'offer' ? 'offer' : 'answer';
    const texts = TEXTS[role];
    element('out-title').textContent = texts.outTitle;
    element('out-help').textContent = texts.outHelp;
    element('in-title').textContent = texts.inTitle;
    element('in-help').textContent = texts.inHelp;
    this.badge('in-badge', texts.inBadge);
    this.badge('out-badge', texts.outBadge);
  }

  private badge(id: string, text: string): void {
    element(id).textContent = text;
    element(id).hidden = text === '';
  }

  /** Brings what is to be carried into sight: on a phone it may be a screen away from the box that was filled. */
  leadToOutgoing(): void {
    this.copy.focus({ preventScroll: true });
    element('to-bench').scrollIntoView({ block: 'nearest' });
  }

  /** Folded away it is a small disclosure below the picture. */
  fold(folded: boolean): void {
    if (this.folded === folded) return;
    this.folded = folded;
    document.documentElement.dataset['view'] = folded ? 'stage' : 'panel';
    this.details.open = !folded;
  }

  get isOpen(): boolean {
    return this.details.open;
  }

  clearInput(): void {
    this.input.value = '';
  }

  private async copyOut(): Promise<void> {
    const done = await copyFrom(this.output);
    clearTimeout(this.copiedEnds);
    this.copied.textContent = done ? 'Copied' : 'Press Ctrl+C to copy';
    if (done) this.copiedEnds = setTimeout(() => (this.copied.textContent = ''), COPIED_STAYS);
  }
}
