/**
 * The panel that a profile describes, one for each instrument that has a profile.
 */

import { element, make } from '../dom';
import { button, entry, hold, select, type Handle, type Line } from './handles';
import { curve, gauge, lamp, numberMeter, type Meter } from './meters';
import type { Profile, Widget } from './profile';
import type { Reading, Readings } from './readings';
import type { Sender } from './sender';

interface Panel {
  profile: Profile;
  element: HTMLElement;
  reason: HTMLElement;
  meters: Meter[];
  handles: Handle[];
}

export class Widgets {
  private readonly host = element('widgets');
  private readonly panels = new Map<string, Panel>();

  constructor(
    private readonly readings: Readings,
    private readonly sender: Sender,
  ) {}

  /** Null: this instrument has no panel any more. */
  show(label: string, profile: Profile | null): void {
    const before = this.panels.get(label);
    for (const handle of before?.handles ?? []) handle.enable('');
    before?.element.remove();
    this.panels.delete(label);
    if (profile !== null && profile.panel.length > 0) {
      const panel = this.build(label, profile);
      this.panels.set(label, panel);
      this.host.append(panel.element);
      this.update();
      this.enable();
    }
    this.host.hidden = this.panels.size === 0;
  }

  /** Shows what was measured last. */
  update(): void {
    for (const { meters, handles } of this.panels.values()) {
      for (const part of [...meters, ...handles]) part.update();
    }
  }

  /** Whether commands can be sent may have changed. */
  enable(): void {
    for (const [label, { handles, reason }] of this.panels) {
      const obstacle = this.sender.obstacle(label);
      for (const handle of handles) handle.enable(obstacle);
      reason.textContent = handles.length === 0 ? '' : (obstacle ?? '');
    }
  }

  private build(label: string, profile: Profile): Panel {
    const box = make('details', 'panel');
    box.open = true;
    box.dataset['label'] = label;
    const head = make('summary', '', profile.title);
    if (profile.about !== '') head.title = profile.about;
    const reason = make('p', 'reason');
    const panel: Panel = { profile, element: box, reason, meters: [], handles: [] };
    const line: Line = { label, sender: this.sender };
    const grid = make('div', 'grid');
    for (const widget of profile.panel) {
      const meter = this.meter(label, widget);
      const handle = meter === null ? this.handle(line, widget) : null;
      if (meter !== null) panel.meters.push(meter);
      if (handle !== null) panel.handles.push(handle);
      const made = meter ?? handle;
      if (made === null) continue;
      // Buttons one after the other stand side by side.
      const last = grid.lastElementChild;
      if (widget.widget !== 'button') grid.append(made.element);
      else if (last?.className === 'run') last.append(made.element);
      else grid.append(runOf(made.element));
    }
    box.append(head, reason, grid);
    return panel;
  }

  private meter(label: string, widget: Widget): Meter | null {
    if (widget.widget === 'curve') {
      const found = widget.quantities.map((name) => this.readings.get(label, name)).filter((one): one is Reading => one !== null);
      return found.length === 0 ? null : curve(widget, found);
    }
    if (widget.widget !== 'gauge' && widget.widget !== 'number' && widget.widget !== 'lamp') return null;
    const reading = this.readings.get(label, widget.quantity);
    if (reading === null) return null;
    if (widget.widget === 'gauge') return gauge(widget, reading);
    return widget.widget === 'number' ? numberMeter(widget, reading) : lamp(widget, reading);
  }

  private handle(line: Line, widget: Widget): Handle | null {
    const reading = 'quantity' in widget && widget.quantity !== null ? this.readings.get(line.label, widget.quantity) : null;
    switch (widget.widget) {
      case 'button':
        return button(widget, line);
      case 'hold':
        return hold(widget, line);
      case 'entry':
        return entry(widget, line, reading);
      case 'select':
        return select(widget, line, reading);
      default:
        return null;
    }
  }
}

function runOf(first: HTMLElement): HTMLElement {
  const run = make('div', 'run');
  run.append(first);
  return run;
}
