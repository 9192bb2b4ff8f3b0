/**
 * The two text boxes: what to carry to the bench, and what came back from it.
 */

import { element } from './dom';

/** What #code-out holds: nothing yet, this page's offer, or its answer to the bench's offer. */
export type Outgoing = { role: 'none' | 'preparing' } | { role: 'offer' | 'answer' | 'short-answer'; code: string };

const TEXTS = {
  offer: {
    outTitle: 'Take this code to the bench',
    outHelp: 'Copy it and paste it into the bench’s console, the terminal in which Periscope runs. Take your time: the code stays good while this page is open.',
    inTitle: 'Bring back its answer',
    inHelp: 'The bench prints a line that starts with “periscope: answer”. Copy it and paste it here.',
    outBadge: '1',
    inBadge: '2',
  },
  answer: {
    outTitle: 'Carry this answer to the bench',
    outHelp: 'Copy it and paste it into the bench’s console, the terminal that printed the offer. Take your time: this page keeps trying for 15 minutes.',
    inTitle: 'The bench’s offer is in',
    inHelp: 'Nothing more to do here. To start anew, paste another offer or address.',
    outBadge: '2',
    inBadge: '✓',
  },
  'short-answer': {
    outTitle: 'Carry this short answer to the bench',
    outHelp: 'These 50 characters are all that the bench needs. Paste or type them into its console, the terminal that printed the offer. Take your time: they stay good for 15 minutes.',
    inTitle: 'The bench’s offer is in',
    inHelp: 'Nothing more to do here. To start anew, paste a code, another offer or an address.',
    outBadge: '2',
    inBadge: '✓',
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
    element('out-badge').textContent = texts.outBadge;
    element('in-badge').textContent = texts.inBadge;
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
    const done = (await this.throughClipboard()) || this.throughSelection();
    clearTimeout(this.copiedEnds);
    this.copied.textContent = done ? 'Copied' : 'Press Ctrl+C to copy';
    if (done) this.copiedEnds = setTimeout(() => (this.copied.textContent = ''), COPIED_STAYS);
  }

  /** Only a page from https or from a file may use it. */
  private async throughClipboard(): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(this.output.value);
      return true;
    } catch {
      return false;
    }
  }

  private throughSelection(): boolean {
    this.output.focus();
    this.output.select();
    try {
      return document.execCommand('copy');
    } catch {
      return false;
    }
  }
}
