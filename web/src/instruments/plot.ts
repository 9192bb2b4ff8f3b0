/**
 * Curves on a canvas: uPlot with the page's colours, time as 24 hours, and a scale for each unit.
 */

import uPlot from 'uplot';
import type { Reading } from './readings';
import { range, scalesOf } from './scales';
import { table } from './series';

export interface PlotEvents {
  /** Where the cursor is, in seconds; null: not on the plot. */
  onCursor?(time: number | null): void;
  /** A person marked a part of the time. */
  onZoom?(from: number, to: number): void;
}

export const COLOURS = 8;
const AXES = 2;

export class Plot {
  private plot: uPlot | null = null;
  private shown: Reading[] = [];
  private scales: string[] = [];
  private colours: number[] = [];
  private from = 0;
  private to = 1;

  /** `isSmall`: without axes, for a widget. */
  constructor(
    private readonly host: HTMLElement,
    private readonly events: PlotEvents = {},
    private readonly isSmall = false,
  ) {
    new ResizeObserver(() => this.resize()).observe(host);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.build());
  }

  /** `colours`: of each reading, 0 … COLOURS - 1. */
  show(readings: Reading[], colours: number[]): void {
    this.shown = readings;
    this.colours = colours;
    this.scales = [];
  }

  draw(from: number, to: number): void {
    [this.from, this.to] = [from, to];
    const { clientWidth } = this.host;
    if (clientWidth === 0 || to <= from) return;
    const scales = scalesOf(
      this.shown.map(({ unit, series }) => {
        const summary = unit !== '' ? null : series.summary(from, to);
        return { unit, min: summary?.min ?? 0, max: summary?.max ?? 0 };
      }),
    );
    if (this.plot === null || scales.join('\n') !== this.scales.join('\n')) {
      this.scales = scales;
      this.build();
    }
    const data = table(this.shown.map(({ series }) => series), from, to, Math.min(800, clientWidth));
    this.plot?.setData(data as uPlot.AlignedData);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width > 0 && height > 0) this.plot?.setSize({ width, height });
  }

  private build(): void {
    this.plot?.destroy();
    this.plot = null;
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0 || height === 0) return;
    const colour = (name: string): string => getComputedStyle(this.host).getPropertyValue(name).trim();
    const line = colour('--line');
    const axis = { stroke: colour('--muted'), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, font: '12px system-ui, sans-serif' };
    const names = [...new Set(this.scales)];
    this.plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        padding: this.isSmall ? [4, 0, 4, 0] : [10, names.length > 1 ? 4 : 14, 0, 4],
        cursor: this.isSmall ? { show: false } : { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
        scales: {
          x: { time: true, range: () => [this.from, this.to] },
          ...Object.fromEntries(names.map((name) => [name, { range: (_: uPlot, min: number | null, max: number | null) => range(min, max) } as uPlot.Scale])),
        },
        series: [
          {},
          ...this.shown.map((reading, index) => ({
            label: reading.title,
            scale: this.scales[index]!,
            stroke: colour(`--curve-${this.colours[index]! + 1}`),
            width: 1.5,
          })),
        ],
        axes: this.isSmall
          ? [{ show: false }, ...names.map((name) => ({ show: false, scale: name }))]
          : [
              { ...axis, values: (_, splits, __, ___, step) => splits.map((time) => clockOf(time, step)), space: 80, size: 28 },
              ...names.map((name, index) => ({
                ...axis,
                scale: name,
                show: index < AXES,
                side: index === 0 ? (3 as const) : (1 as const),
                grid: { ...axis.grid, show: index === 0 },
                size: (_: uPlot, values: string[]) => 16 + 7 * Math.max(2, ...(values ?? []).map((value) => value.length)),
              })),
            ],
        hooks: {
          setCursor: [(plot) => this.cursorMoved(plot)],
          setSelect: [(plot) => this.selected(plot)],
        },
      },
      [[], ...this.shown.map(() => [])] as uPlot.AlignedData,
      this.host,
    );
  }

  private cursorMoved(plot: uPlot): void {
    const { left } = plot.cursor;
    this.events.onCursor?.(left === undefined || left < 0 ? null : plot.posToVal(left, 'x'));
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width > 8) this.events.onZoom?.(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
    if (width > 0) plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }
}

function clockOf(seconds: number, step: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= 60) return minutes;
  const whole = `${minutes}:${two(date.getSeconds())}`;
  return step >= 1 ? whole : `${whole}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
