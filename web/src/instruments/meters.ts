/**
 * Widgets that show: gauge, number, lamp and curve.
 */

import { make } from '../dom';
import { frame } from './frame';
import { COLOURS, Plot } from './plot';
import type { Widget } from './profile';
import { written } from './quantities';
import type { Reading } from './readings';

export interface Meter {
  element: HTMLElement;
  /** Shows what was measured last. */
  update(): void;
}

const SVG = 'http://www.w3.org/2000/svg';
const CURVE_SHOWS = 60;
const CURVE_EVERY = 250;

export function textOf({ value, digits }: Reading): string {
  if (value === null) return '–';
  return value.word ?? (value.number === null ? value.raw : written(value.number, digits));
}

function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function valueLine(reading: Reading): { element: HTMLElement; value: HTMLElement } {
  const line = make('p', 'reading');
  const value = make('span', 'value', '–');
  line.append(value);
  if (reading.unit !== '') line.append(' ', make('span', 'unit', reading.unit));
  return { element: line, value };
}

export function numberMeter(widget: Extract<Widget, { widget: 'number' }>, reading: Reading): Meter {
  const box = frame(widget, reading.name);
  const line = valueLine(reading);
  box.append(make('h4', '', widget.title), line.element);
  return { element: box, update: () => setText(line.value, textOf(reading)) };
}

export function gauge(widget: Extract<Widget, { widget: 'gauge' }>, reading: Reading): Meter {
  const box = frame(widget, reading.name);
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 120 68');
  const arc = (kind: string): SVGPathElement => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', kind);
    path.setAttribute('d', 'M12 62A48 48 0 0 1 108 62');
    // The length of the arc is counted from 0 to 100, whatever it is in pixels.
    path.setAttribute('pathLength', '100');
    svg.append(path);
    return path;
  };
  arc('track');
  const filled = arc('filled');
  filled.setAttribute('stroke-dasharray', '0 200');
  const ends = make('p', 'ends');
  ends.append(make('span', '', written(widget.min, null)), make('span', '', written(widget.max, null)));
  const line = valueLine(reading);
  const dial = make('div', 'dial');
  dial.setAttribute('role', 'meter');
  dial.setAttribute('aria-label', widget.title);
  dial.setAttribute('aria-valuemin', String(widget.min));
  dial.setAttribute('aria-valuemax', String(widget.max));
  dial.append(svg, line.element, ends);
  box.append(make('h4', '', widget.title), dial);
  return {
    element: box,
    update() {
      const number = reading.value?.number ?? null;
      setText(line.value, textOf(reading));
      if (number === null) return;
      const span = widget.max - widget.min;
      const part = span === 0 ? 0 : Math.min(1, Math.max(0, (number - widget.min) / span));
      filled.setAttribute('stroke-dasharray', `${(part * 100).toFixed(1)} 200`);
      dial.setAttribute('aria-valuenow', String(number));
      dial.setAttribute('aria-valuetext', `${textOf(reading)} ${reading.unit}`.trim());
    },
  };
}

export function lamp(widget: Extract<Widget, { widget: 'lamp' }>, reading: Reading): Meter {
  const box = frame(widget, reading.name);
  const light = make('span', 'light');
  const word = make('span', 'value', '–');
  const line = make('p', 'reading');
  line.append(light, word);
  box.append(make('h4', '', widget.title), line);
  return {
    element: box,
    update() {
      const { value } = reading;
      const isOn = value !== null && isOnAt(widget.on, value.raw, value.word);
      box.dataset['on'] = value === null ? '' : String(isOn);
      setText(word, value === null ? '–' : (value.word ?? (isOn ? 'on' : 'off')));
    },
  };
}

/** A number may be written in more than one way: `1`, `01`. */
function isOnAt(on: string, raw: string, word: string | null): boolean {
  return raw === on || word === on || (raw.trim() !== '' && on.trim() !== '' && Number(raw) === Number(on));
}

export function curve(widget: Extract<Widget, { widget: 'curve' }>, readings: Reading[]): Meter {
  const box = frame(widget, widget.quantities.join(' '));
  const canvas = make('div', 'small-plot');
  canvas.setAttribute('role', 'img');
  const plot = new Plot(canvas, {}, true);
  plot.show(readings, readings.map((_, index) => index % COLOURS));
  const line = make('p', 'reading');
  const lines = readings.map((reading) => valueLine(reading));
  line.append(...lines.flatMap(({ element }) => [...element.childNodes, ' ']));
  box.append(make('h4', '', widget.title), line, canvas);
  let waiting: ReturnType<typeof setTimeout> | null = null;
  const draw = (): void => {
    waiting = null;
    const last = Math.max(...readings.map(({ series }) => (series.length === 0 ? 0 : series.times[series.length - 1]!)));
    if (last > 0 && !document.hidden) plot.draw(last - CURVE_SHOWS, last);
  };
  return {
    element: box,
    update() {
      readings.forEach((reading, index) => setText(lines[index]!.value, textOf(reading)));
      canvas.setAttribute('aria-label', `${widget.title}, the last minute`);
      waiting ??= setTimeout(draw, CURVE_EVERY);
    },
  };
}
