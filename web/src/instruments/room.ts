/**
 * The instruments' part of the page: takes what they say, keeps it, and hands it to whoever shows it; sends commands.
 */

import type { Message } from '../batch';
import type { Payload } from '../chunks';
import type { Connection } from '../connection';
import type { Ask, Refused, Safe } from '../control';
import { element } from '../dom';
import { History, written } from '../log';
import { obstacle, VIEW_ONLY, type Situation } from './arbiter';
import { Charts } from './charts';
import { ControlBox } from './controlbox';
import { download, fileName, gather } from './export';
import { Gaps } from './gaps';
import { LogView } from './logview';
import { MacroBar } from './macrobar';
import { readProfile } from './profile';
import { Readings } from './readings';
import type { Sender } from './sender';
import { CSV_HEADER, csvLine, logLine } from './sheet';
import { Chore } from './slices';
import { Store } from './store';
import { Widgets } from './widgets';

const SENT_NOTE_STAYS = 2_000;
const STEP = 32;

export class InstrumentsRoom implements Sender {
  private readonly sections = ['instruments', 'charts'].map((id) => element(id));
  private readonly form = element<HTMLFormElement>('command-line');
  private readonly field = element<HTMLInputElement>('command');
  private readonly sendButton = element<HTMLButtonElement>('send');
  private readonly select = element<HTMLSelectElement>('channel');
  private readonly selectLabel = element('channel-label');
  private readonly note = element('command-note');
  private readonly lost = element('lost');
  private readonly history = new History();
  private readonly store = new Store();
  private readonly gaps = new Gaps();
  private readonly readings = new Readings();
  private readonly log = new LogView(this.store);
  private readonly charts = new Charts(this.readings);
  private readonly widgets = new Widgets(this.readings, this);
  private readonly macros = new MacroBar(this, () => this.select.value);
  private readonly controlBox = new ControlBox((message) => this.ask(message));
  private readonly reader = new Chore(() => this.read());
  private connection: Connection | null = null;
  private situation: Situation = { arbitration: null, rights: 'control', peer: null };
  /** The profile of each label as the bench sent it: by its text one sees whether it is another one. */
  private readonly profiles = new Map<string, string>();
  private readonly labels = new Set<string>();
  /** Where a person wants to send; empty while nobody chose. */
  private target = '';
  /** Up to which message numbers have been looked for. */
  private readTo = 0;
  private isScheduled = false;
  private noteEnds: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.sendTyped();
    };
    this.field.onkeydown = (event) => {
      if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
      const command = this.history.step(event.key === 'ArrowUp' ? -1 : 1, this.field.value);
      event.preventDefault();
      if (command === null) return;
      this.field.value = command;
      this.field.setSelectionRange(command.length, command.length);
    };
    this.select.onchange = () => {
      this.target = this.select.value;
      this.macros.enable();
    };
    element('export').onclick = () => void this.save('export', 'csv', 'text/csv;charset=utf-8', CSV_HEADER, csvLine);
    element('log-export').onclick = () =>
      void this.save('log-export', 'txt', 'text/plain;charset=utf-8', '', (sheet, entry) =>
        logLine(sheet, entry, written(entry.bytes, Infinity, !entry.isText)),
      );
  }

  /** Null: nothing runs, or it is silent. */
  show(connection: Connection | null): void {
    this.connection = connection;
    const welcome = connection?.welcome ?? null;
    const desk = connection?.desk ?? null;
    const before = this.situation;
    this.situation = { arbitration: desk?.arbitration ?? null, rights: welcome?.rights ?? 'control', peer: welcome?.peer ?? null };
    const labels = [...new Set([...(welcome?.channels ?? []), ...(connection?.instruments.keys() ?? [])])];
    this.reveal(labels.length > 0 || this.store.end > 0);
    this.showChannels(labels);
    for (const label of labels) this.labels.add(label);
    this.log.setLabels([...this.labels]);
    if (connection !== null) this.showProfiles(connection);
    this.controlBox.show(this.situation, desk);
    this.enable();
    if (before.rights !== this.situation.rights) {
      const mayControl = this.situation.rights === 'control';
      this.field.placeholder = mayControl ? 'Command' : '';
      this.say(mayControl ? '' : VIEW_ONLY, false, mayControl);
    }
  }

  add(label: string, messages: Message[]): void {
    this.reveal(true);
    if (!this.labels.has(label)) this.log.setLabels([...this.labels.add(label)]);
    const arrived = (performance.timeOrigin + performance.now()) * 1000;
    for (const { time, sequence, isText, bytes } of messages) {
      this.store.append({ label, time: time ?? arrived, sequence, isText, isSent: false, bytes });
      if (sequence !== null) this.gaps.take(label, sequence, time ?? arrived);
    }
    this.reader.wake();
    this.log.changed();
  }

  verdict(message: Safe | Refused): void {
    if (message.type === 'safe') this.controlBox.safety(message);
    else this.say(this.controlBox.refused(message), true);
  }

  /** Another bench, perhaps: its numbers are its own. */
  anew(): void {
    this.gaps.begin();
  }

  // ---- Sender -------------------------------------------------------------------------------------------------

  send(label: string, payload: Payload): string | null {
    const instrument = this.connection?.instruments.get(label);
    if (instrument === undefined) return 'Not sent: the bench has not opened this channel.';
    const problem = instrument.send(payload);
    if (problem !== null) return problem;
    const isText = typeof payload === 'string';
    const bytes = isText ? new TextEncoder().encode(payload) : payload;
    this.store.append({ label, time: (performance.timeOrigin + performance.now()) * 1000, sequence: null, isText, isSent: true, bytes });
    this.log.changed();
    return null;
  }

  obstacle(label: string): string | null {
    if (this.connection === null) return 'There is no connection to the bench.';
    if (this.connection.instruments.get(label)?.isOpen !== true) return 'The bench has not opened this channel.';
    if (this.connection.desk.states.get(label)?.sends === false) return `${label} takes no commands.`;
    return obstacle(this.situation);
  }

  tell(sentence: string, isProblem: boolean): void {
    this.say(sentence, isProblem);
  }

  // ---- Inside -------------------------------------------------------------------------------------------------

  private ask(message: Ask): void {
    this.connection?.say(message);
  }

  private reveal(shown: boolean): void {
    for (const section of this.sections) section.hidden = !shown;
  }

  private showChannels(labels: string[]): void {
    const present = [...this.select.options].map((option) => option.value);
    if (labels.join('\n') !== present.join('\n')) this.select.replaceChildren(...labels.map((label) => new Option(label)));
    // Unless a person chose, the first one that takes commands.
    const states = this.connection?.desk.states;
    const chosen = labels.includes(this.target) ? this.target : (labels.find((label) => states?.get(label)?.sends === true) ?? labels[0]);
    if (chosen !== undefined && this.select.value !== chosen) this.select.value = chosen;
    this.selectLabel.hidden = labels.length < 2;
  }

  private showProfiles({ desk }: Connection): void {
    for (const [label, { profile }] of desk.states) {
      const text = JSON.stringify(profile);
      if ((this.profiles.get(label) ?? 'null') === text) continue;
      this.profiles.set(label, text);
      const read = readProfile(profile);
      this.readings.setProfile(label, read);
      this.widgets.show(label, read);
      // What came before its profile is read once more.
      this.readings.clear();
      this.readTo = this.store.first;
      this.reader.wake();
    }
  }

  private enable(): void {
    const instruments = [...(this.connection?.instruments.values() ?? [])];
    const canSend = this.situation.rights === 'control' && instruments.some((instrument) => instrument.isOpen);
    this.field.disabled = this.sendButton.disabled = !canSend;
    this.widgets.enable();
    this.macros.enable();
  }

  /** Looks for numbers in some more messages; false when there are no more. */
  private read(): boolean {
    const { store } = this;
    this.readTo = Math.max(this.readTo, store.first);
    const until = Math.min(store.end, this.readTo + STEP);
    let time = 0;
    for (; this.readTo < until; this.readTo++) {
      const entry = store.get(this.readTo);
      if (entry === null) continue;
      this.readings.take(entry);
      time = entry.time / 1e6;
    }
    if (time > 0) this.charts.changed(time);
    if (this.readTo < store.end) return true;
    this.schedule();
    return false;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.widgets.update();
      const lost = String(this.gaps.total);
      if (this.lost.textContent === lost) return;
      this.lost.textContent = lost;
      element('lost-line').hidden = lost === '0';
      element('lost-line').title = this.gaps.byLabel.map(([label, count]) => `${label}: ${count}`).join(', ');
    });
  }

  private sendTyped(): void {
    const text = this.field.value;
    if (text === '' || this.situation.rights !== 'control') return;
    const label = this.select.value;
    const problem = this.send(label, text);
    if (problem !== null) return this.say(problem, true);
    this.history.add(text);
    this.field.value = '';
    this.say(`Sent to ${label}.`, false);
  }

  private async save(id: string, extension: string, type: string, header: string, line: Parameters<typeof gather>[2]): Promise<void> {
    const button = element<HTMLButtonElement>(id);
    const words = button.textContent;
    button.disabled = true;
    try {
      const parts = await gather(this.store, header, line, (part) => (button.textContent = `${Math.round(part * 100)} %`));
      download(parts, fileName(extension, new Date()), type);
    } finally {
      button.textContent = words;
      button.disabled = false;
    }
  }

  private say(text: string, isProblem: boolean, isBrief = !isProblem): void {
    clearTimeout(this.noteEnds);
    this.note.textContent = text;
    this.note.classList.toggle('problem', isProblem);
    if (isBrief) this.noteEnds = setTimeout(() => (this.note.textContent = ''), SENT_NOTE_STAYS);
  }
}
