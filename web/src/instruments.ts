/**
 * The instruments' panel: what they say, and a line to send them something.
 */

import type { Payload } from './chunks';
import { element } from './dom';
import type { Instrument } from './instrument';
import { clock, History, written } from './log';

const MOST_LINES = 2_000;
const SENT_NOTE_STAYS = 2_000;
const VIEW_ONLY = 'You may watch, not send: the code or address that led here is for viewing. Ask the bench’s owner for one with control.';

interface Line {
  label: string;
  time: string;
  text: string;
}

export class InstrumentsPanel {
  private readonly panel = element('instruments');
  private readonly log = element('log');
  private readonly form = element<HTMLFormElement>('command-line');
  private readonly field = element<HTMLInputElement>('command');
  private readonly sendButton = element<HTMLButtonElement>('send');
  private readonly select = element<HTMLSelectElement>('channel');
  private readonly selectLabel = element('channel-label');
  private readonly note = element('command-note');
  private readonly history = new History();
  private instruments = new Map<string, Instrument>();
  private pending: Line[] = [];
  private painting = false;
  private mayControl = true;
  private noteEnds: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.send();
    };
    this.field.onkeydown = (event) => {
      if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
      const command = this.history.step(event.key === 'ArrowUp' ? -1 : 1, this.field.value);
      event.preventDefault();
      if (command === null) return;
      this.field.value = command;
      this.field.setSelectionRange(command.length, command.length);
    };
  }

  /** `announced`: labels the bench has, of which a channel may not be open yet. */
  show(instruments: Map<string, Instrument>, announced: string[], mayControl: boolean): void {
    this.instruments = instruments;
    const labels = [...new Set([...announced, ...instruments.keys()])];
    if (labels.length > 0) this.panel.hidden = false;
    else if (this.log.childElementCount === 0 && this.pending.length === 0) this.panel.hidden = true;

    const chosen = this.select.value;
    const present = [...this.select.options].map((option) => option.value);
    if (labels.join('\n') !== present.join('\n')) {
      this.select.replaceChildren(...labels.map((label) => new Option(label, label, false, label === chosen)));
    }
    this.selectLabel.hidden = labels.length < 2;
    const closed = ![...instruments.values()].some((instrument) => instrument.isOpen);
    this.field.disabled = closed || !mayControl;
    this.sendButton.disabled = closed || !mayControl;
    if (mayControl !== this.mayControl) {
      this.mayControl = mayControl;
      this.field.placeholder = mayControl ? 'Command' : '';
      this.say(mayControl ? '' : VIEW_ONLY, false, mayControl);
    }
  }

  add(label: string, payload: Payload): void {
    this.panel.hidden = false;
    this.pending.push({ label, time: clock(new Date()), text: written(payload) });
    // While the page is out of sight nothing is painted; then, too, the log keeps only its last lines.
    if (this.pending.length > MOST_LINES) this.pending.splice(0, this.pending.length - MOST_LINES);
    if (this.painting) return;
    this.painting = true;
    requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    this.painting = false;
    const { log } = this;
    // Whoever scrolled up reads something there: then new lines do not pull it away.
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    const lines = this.pending.splice(0).map(({ label, time, text }) => {
      const row = document.createElement('div');
      row.append(part('time', time), ' ', part('label', label), ' ', part('text', text));
      return row;
    });
    log.append(...lines);
    for (let extra = log.childElementCount - MOST_LINES; extra > 0; extra--) log.firstElementChild!.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  private send(): void {
    const text = this.field.value;
    if (text === '' || !this.mayControl) return;
    const instrument = this.instruments.get(this.select.value);
    if (instrument === undefined) {
      this.say('Not sent: the bench has not opened this channel.', true);
      return;
    }
    const problem = instrument.send(text);
    if (problem !== null) {
      this.say(problem, true);
      return;
    }
    this.history.add(text);
    this.field.value = '';
    this.say(`Sent to ${instrument.label}.`, false);
  }

  private say(text: string, isProblem: boolean, isBrief = !isProblem): void {
    clearTimeout(this.noteEnds);
    this.note.textContent = text;
    this.note.classList.toggle('problem', isProblem);
    if (isBrief) this.noteEnds = setTimeout(() => (this.note.textContent = ''), SENT_NOTE_STAYS);
  }
}

function part(kind: string, text: string): HTMLSpanElement {
  const span = document.createElement('span');
  span.className = kind;
  span.textContent = text;
  return span;
}
