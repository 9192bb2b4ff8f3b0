/**
 * The log: what was said, newest at the end. Only the rows in sight are in the document, however many there are.
 */

import { element, make, recall, remember } from '../dom';
import { clock, hexDump, written } from '../log';
import { readFilter } from './filter';
import { Lines } from './lines';
import { isoTime } from './sheet';
import { Chore } from './slices';
import type { Entry, Store } from './store';

/** In pixels, as in the style sheet. */
const ROW = 20;
/** Rows beyond the edges, so that a fast scroll shows no gaps. */
const BEYOND = 8;
const LONGEST_DETAIL = 65_536;

interface Row {
  element: HTMLElement;
  time: HTMLElement;
  label: HTMLElement;
  text: HTMLElement;
  /** Which message it shows, and how. */
  shows: string;
}

export class LogView {
  private readonly log = element('log');
  private readonly spacer = make('div', 'spacer');
  private readonly holder = make('div', 'rows');
  private readonly filterField = element<HTMLInputElement>('log-filter');
  private readonly labelSelect = element<HTMLSelectElement>('log-label');
  private readonly hexButton = element<HTMLButtonElement>('log-hex');
  private readonly pauseButton = element<HTMLButtonElement>('log-pause');
  private readonly note = element('log-note');
  private readonly detail = element('log-detail');
  private readonly rows: Row[] = [];
  private readonly lines: Lines;
  private readonly scan: Chore;
  private isHex = recall('hex') === 'yes';
  private follows = true;
  private origin = 0;
  /** Where it was scrolled to last, by whomever. */
  private top = 0;
  private firstInSight = 0;
  private isScheduled = false;
  private trouble = '';
  private labels: string[] = [];
  /** The row in detail. */
  private open: number | null = null;

  constructor(private readonly store: Store) {
    this.lines = new Lines(store);
    this.scan = new Chore(() => {
      const more = this.lines.step();
      if (!more) this.schedule();
      return more;
    });
    this.spacer.append(this.holder);
    this.log.append(this.spacer);
    this.log.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.log.onclick = (event) => this.clicked(event);
    this.log.onkeydown = (event) => this.key(event);
    this.filterField.oninput = () => this.refilter();
    this.labelSelect.onchange = () => this.refilter();
    this.hexButton.onclick = () => this.setHex(!this.isHex);
    this.pauseButton.onclick = () => this.hold(!this.lines.isHeld);
    element('log-clear').onclick = () => {
      this.lines.clear();
      this.close();
      this.follows = true;
      this.changed();
    };
    element('log-detail-close').onclick = () => {
      this.close();
      this.log.focus();
    };
    new ResizeObserver(() => this.schedule()).observe(this.log);
    document.addEventListener('visibilitychange', () => this.schedule());
    this.setHex(this.isHex);
  }

  /** There are other messages than before. */
  changed(): void {
    this.scan.wake();
    this.schedule();
  }

  setLabels(labels: string[]): void {
    if (labels.join('\n') === this.labels.join('\n')) return;
    this.labels = labels;
    const chosen = this.labelSelect.value;
    this.labelSelect.replaceChildren(new Option('All', ''), ...labels.map((label) => new Option(label, label, false, label === chosen)));
    element('log-label-box').hidden = labels.length < 2;
    this.log.classList.toggle('one-label', labels.length < 2);
  }

  // ---- What a person does -------------------------------------------------------------------------------------

  private refilter(): void {
    const filter = readFilter(this.filterField.value);
    const label = this.labelSelect.value;
    this.filterField.setAttribute('aria-invalid', String(filter.kind === 'broken'));
    this.trouble = filter.kind === 'broken' ? filter.why : '';
    if (filter.kind !== 'some' && label === '') this.lines.filter(null);
    else this.lines.filter((entry) => (label === '' || entry.label === label) && (filter.kind !== 'some' || filter.test(this.textOf(entry))));
    this.follows = true;
    this.changed();
  }

  private setHex(isHex: boolean): void {
    this.isHex = isHex;
    remember('hex', isHex ? 'yes' : 'no');
    this.hexButton.setAttribute('aria-pressed', String(isHex));
    this.refilter();
  }

  private hold(held: boolean): void {
    this.lines.hold(held);
    this.pauseButton.setAttribute('aria-pressed', String(held));
    this.pauseButton.textContent = held ? 'Go on' : 'Pause';
    if (!held) this.follows = true;
    this.changed();
  }

  private scrolled(): void {
    const { log } = this;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < ROW;
    // Whoever scrolled up reads something there: then new lines do not pull it away. Where only the box became smaller
    // nobody scrolled.
    if (isAtEnd) this.follows = true;
    else if (log.scrollTop < this.top - 1) this.follows = false;
    this.top = log.scrollTop;
    this.schedule();
  }

  private clicked(event: MouseEvent): void {
    const row = this.rows.findIndex(({ element }) => event.target instanceof Node && element.contains(event.target));
    // Who marks text to copy it wants no detail.
    if (row >= 0 && (getSelection()?.isCollapsed ?? true)) this.show(this.firstInSight + row);
  }

  private key(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.show(this.open ?? Math.max(0, this.lines.count - 1));
    else if (event.key === 'Escape' && this.open !== null) this.close();
    else if (event.key === 'ArrowUp' && this.open !== null) this.show(this.open - 1);
    else if (event.key === 'ArrowDown' && this.open !== null) this.show(this.open + 1);
    else return;
    event.preventDefault();
  }

  // ---- One message in full ------------------------------------------------------------------------------------

  private show(row: number): void {
    if (row < 0 || row >= this.lines.count) return;
    const entry = this.store.get(this.lines.at(row));
    if (entry === null) return;
    this.open = row;
    const { bytes, time, sequence, label, isSent } = entry;
    const size = `${bytes.length.toLocaleString('en-US')} ${bytes.length === 1 ? 'byte' : 'bytes'}`;
    const parts = [isSent ? `Sent to ${label}` : label, isoTime(time), sequence === null ? '' : `no. ${sequence}`, size];
    element('log-detail-head').textContent = parts.filter((part) => part !== '').join(' · ');
    element('log-detail-text').textContent = written(bytes, LONGEST_DETAIL);
    element('log-detail-hex').textContent = hexDump(bytes);
    this.detail.hidden = false;
    const top = row * ROW;
    if (top < this.log.scrollTop) this.log.scrollTop = top;
    else if (top + ROW > this.log.scrollTop + this.log.clientHeight) this.log.scrollTop = top + ROW - this.log.clientHeight;
    this.schedule();
  }

  private close(): void {
    this.open = null;
    this.detail.hidden = true;
    this.schedule();
  }

  // ---- Painting -----------------------------------------------------------------------------------------------

  private schedule(): void {
    // Out of sight nothing is painted.
    if (this.isScheduled || document.hidden) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.paint();
    });
  }

  private paint(): void {
    const { log, lines, spacer } = this;
    const { count, origin } = lines;
    spacer.style.height = `${count * ROW}px`;
    const moved = origin - this.origin;
    this.origin = origin;
    if (this.follows) log.scrollTop = log.scrollHeight;
    else if (moved !== 0) log.scrollTop -= moved * ROW;
    this.top = log.scrollTop;
    if (moved !== 0 && this.open !== null) this.open -= moved;

    const first = Math.max(0, Math.floor(log.scrollTop / ROW) - BEYOND);
    const end = Math.min(count, Math.ceil((log.scrollTop + log.clientHeight) / ROW) + BEYOND);
    this.firstInSight = first;
    this.holder.style.transform = `translateY(${first * ROW}px)`;
    for (let row = first; row < end; row++) this.fill(this.rowAt(row - first), lines.at(row), row === this.open);
    for (const extra of this.rows.splice(Math.max(0, end - first))) extra.element.remove();
    log.dataset['empty'] = count > 0 ? 'no' : this.filterField.value !== '' || this.labelSelect.value !== '' ? 'filtered' : 'yes';
    this.writeNote();
  }

  private writeNote(): void {
    const held = this.lines.heldBack;
    const gone = this.store.first;
    const number = (value: number): string => value.toLocaleString('en-US');
    const text = [
      this.trouble,
      held > 0 ? `Paused: ${number(held)} more ${held === 1 ? 'message' : 'messages'} so far.` : '',
      gone > 0 ? `The oldest ${number(gone)} messages had to go: this page keeps 256 MiB.` : '',
    ].join(' ').trim();
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.classList.toggle('problem', this.trouble !== '');
  }

  private rowAt(index: number): Row {
    const known = this.rows[index];
    if (known !== undefined) return known;
    const row: Row = { element: make('div', 'row'), time: make('span', 'time'), label: make('span', 'label'), text: make('span', 'text'), shows: '' };
    row.element.append(row.time, ' ', row.label, ' ', row.text);
    this.rows.push(row);
    this.holder.append(row.element);
    return row;
  }

  private fill(row: Row, number: number, isOpen: boolean): void {
    const shows = `${number} ${this.isHex} ${isOpen}`;
    if (row.shows === shows) return;
    const entry = this.store.get(number);
    if (entry === null) return;
    row.shows = shows;
    row.time.textContent = clock(new Date(entry.time / 1000));
    row.time.title = isoTime(entry.time);
    row.label.textContent = entry.isSent ? `→ ${entry.label}` : entry.label;
    row.text.textContent = this.textOf(entry).replace(/\n/g, '↵');
    row.element.classList.toggle('sent', entry.isSent);
    row.element.classList.toggle('open', isOpen);
  }

  private textOf(entry: Entry): string {
    return written(entry.bytes, undefined, this.isHex || !entry.isText);
  }
}
