/**
 * The charts: which curves, of what time, and what they say in numbers.
 */

import { element, make } from '../dom';
import { clock } from '../log';
import { COLOURS, Plot } from './plot';
import { written } from './quantities';
import { chosen, type Reading, type Readings } from './readings';

/** A curve over an hour moves by a pixel in seconds: no need to draw it sixty times in each. */
const FASTEST = 50;
const SLOWEST = 1_000;
const PIXELS = 600;
const NUMBERS_EVERY = 250;
/** In seconds. */
const LATE = 60;

interface Row {
  reading: Reading;
  box: HTMLInputElement;
  cells: HTMLElement[];
}

export class Charts {
  private readonly section = element('charts');
  private readonly pauseButton = element<HTMLButtonElement>('chart-pause');
  private readonly windowSelect = element<HTMLSelectElement>('chart-window');
  private readonly body = element('legend-body');
  private readonly when = element('legend-when');
  private readonly plot = new Plot(element('chart'), {
    onCursor: (time) => this.setCursor(time),
    onZoom: (from, to) => this.zoom(from, to),
  });
  private rows: Row[] = [];
  private version = -1;
  /** What a person chose; everything else is as `chosen` says. */
  private readonly wishes = new Map<string, boolean>();
  private shown: Reading[] = [];
  /** While paused: the part of time that is shown. */
  private held: [from: number, to: number] | null = null;
  private cursor: number | null = null;
  private edge = { time: 0, at: 0 };
  private drawn = -Infinity;
  private numbersAt = -Infinity;
  private isScheduled = false;

  constructor(private readonly readings: Readings) {
    this.pauseButton.onclick = () => this.pause(this.held === null ? this.range() : null);
    this.windowSelect.onchange = () => {
      if (this.held !== null) this.pause(null);
      this.redraw();
    };
    element('chart').addEventListener('dblclick', () => this.pause(null));
    document.addEventListener('visibilitychange', () => this.redraw());
  }

  /** Something was measured. `time`: of the newest message, in seconds. */
  changed(time: number): void {
    // A clock that was set back is followed; a message that comes late is not.
    const isLate = time < this.edge.time && time > this.edge.time - LATE;
    this.edge = { time: isLate ? this.edge.time : time, at: performance.now() };
    this.schedule();
  }

  private redraw(): void {
    this.drawn = this.numbersAt = -Infinity;
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || document.hidden) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.frame(performance.now());
    });
  }

  private frame(now: number): void {
    if (this.readings.version !== this.version) this.rebuild();
    const [from, to] = this.range();
    const every = Math.min(SLOWEST, Math.max(FASTEST, ((to - from) * 1000) / PIXELS));
    const isDue = now - this.drawn >= every;
    if (isDue) {
      this.drawn = now;
      this.choose();
      if (this.shown.length > 0) this.plot.draw(from, to);
    }
    const areDue = now - this.numbersAt >= NUMBERS_EVERY;
    if (areDue) {
      this.numbersAt = now;
      this.writeNumbers(from, to);
    }
    // Time goes on, also where nothing comes; but a pause stands still, once it shows what came last.
    if ((this.held === null && this.shown.length > 0) || !isDue || !areDue) this.schedule();
  }

  /** The part of time to show, in seconds of the bench's clock. */
  private range(): [number, number] {
    if (this.held !== null) return this.held;
    const now = this.edge.time + (performance.now() - this.edge.at) / 1000;
    const seconds = Number(this.windowSelect.value);
    if (seconds > 0) return [now - seconds, now];
    const first = Math.min(now - 1, ...this.shown.flatMap(({ series }) => (series.length > 0 ? [series.times[0]!] : [])));
    return [first, now];
  }

  private pause(range: [number, number] | null): void {
    this.held = range;
    this.pauseButton.setAttribute('aria-pressed', String(range !== null));
    this.pauseButton.textContent = range === null ? 'Pause' : 'Go on';
    this.redraw();
  }

  private zoom(from: number, to: number): void {
    this.pause([from, to]);
  }

  private setCursor(time: number | null): void {
    if (time === this.cursor) return;
    this.cursor = time;
    this.numbersAt = -Infinity;
    this.schedule();
  }

  private rebuild(): void {
    this.version = this.readings.version;
    const all = [...this.readings.all.values()].filter(({ isWord }) => !isWord);
    const manyLabels = new Set(all.map(({ label }) => label)).size > 1;
    this.rows = all.map((reading, index) => this.row(reading, index % COLOURS, manyLabels));
    this.body.replaceChildren(...this.rows.map(({ box }) => box.closest('tr')!));
    this.drawn = this.numbersAt = -Infinity;
  }

  private row(reading: Reading, colour: number, manyLabels: boolean): Row {
    const tr = make('tr');
    const head = make('th');
    head.scope = 'row';
    const label = make('label');
    const box = make('input');
    box.type = 'checkbox';
    box.onchange = () => {
      this.wishes.set(reading.key, box.checked);
      this.redraw();
    };
    const swatch = make('span', 'swatch');
    swatch.style.background = `var(--curve-${colour + 1})`;
    label.append(box, swatch, make('span', 'name', manyLabels ? `${reading.label}: ${reading.title}` : reading.title));
    if (reading.unit !== '') label.append(' ', make('span', 'unit', reading.unit));
    head.append(label);
    const cells = ['last', 'min', 'max', 'mean'].map((name) => make('td', name));
    tr.append(head, ...cells);
    return { reading, box, cells };
  }

  private choose(): void {
    const byDefault = new Set(chosen(this.rows.map(({ reading }) => reading)));
    const wanted = this.rows.filter(({ reading }) => this.wishes.get(reading.key) ?? byDefault.has(reading));
    for (const row of this.rows) {
      const isShown = wanted.includes(row);
      if (row.box.checked !== isShown) row.box.checked = isShown;
    }
    const has = this.rows.some(({ reading }) => reading.series.length > 0);
    this.section.dataset['numbers'] = has ? 'yes' : 'no';
    const readings = wanted.map(({ reading }) => reading);
    if (readings.length === this.shown.length && readings.every((reading, index) => reading === this.shown[index])) return;
    this.shown = readings;
    this.plot.show(readings, wanted.map((row) => this.rows.indexOf(row) % COLOURS));
  }

  private writeNumbers(from: number, to: number): void {
    const at = this.cursor;
    const head = at === null ? 'Now' : clock(new Date(at * 1000));
    if (this.when.textContent !== head) this.when.textContent = head;
    for (const { reading, cells } of this.rows) {
      const { series, digits } = reading;
      const summary = series.summary(from, to);
      const mean = digits === null ? null : digits + 1;
      const last = at === null ? nowOf(reading) : valueAt(reading, at);
      const texts = [
        last,
        summary === null ? '–' : written(summary.min, digits),
        summary === null ? '–' : written(summary.max, digits),
        summary === null ? '–' : written(summary.mean, mean),
      ];
      cells.forEach((cell, index) => {
        if (cell.textContent !== texts[index]) cell.textContent = texts[index]!;
      });
    }
  }
}

function nowOf({ value, digits }: Reading): string {
  if (value === null) return '–';
  return value.word ?? (value.number === null ? value.raw : written(value.number, digits));
}

/** The value that was measured last before `time`. */
function valueAt({ series, digits }: Reading, time: number): string {
  const index = series.indexOf(time);
  const near = index < series.length && series.times[index] === time ? index : index - 1;
  return near < 0 ? '–' : written(series.values[near]!, digits);
}
