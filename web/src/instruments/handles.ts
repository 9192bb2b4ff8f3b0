/**
 * Widgets that act: button, hold, entry and select.
 */

import { make } from '../dom';
import { payloadOf, shown } from './commands';
import { readEntry } from './entry';
import { frame } from './frame';
import { makeHold } from './hold';
import type { Widget } from './profile';
import { written } from './quantities';
import type { Reading } from './readings';
import type { Sender } from './sender';

export interface Handle {
  element: HTMLElement;
  /** Why nothing can be sent; null: it can. */
  enable(obstacle: string | null): void;
  update(): void;
}

/** One instrument, to which a widget sends. */
export interface Line {
  label: string;
  sender: Sender;
}

function sent({ label, sender }: Line, command: Parameters<typeof payloadOf>[0], value: number | null = null): boolean {
  const problem = sender.send(label, payloadOf(command, value));
  if (problem !== null) sender.tell(problem, true);
  return problem === null;
}

function disable(controls: (HTMLElement & { disabled: boolean })[], obstacle: string | null, title = ''): void {
  for (const control of controls) {
    control.disabled = obstacle !== null;
    control.title = obstacle ?? title;
  }
}

export function button(widget: Extract<Widget, { widget: 'button' }>, line: Line): Handle {
  const box = frame(widget);
  const press = make('button', '', widget.title);
  press.type = 'button';
  press.onclick = () => {
    if (sent(line, widget.send)) line.sender.tell(`Sent “${shown(widget.send)}” to ${line.label}.`, false);
  };
  box.append(press);
  return { element: box, enable: (obstacle) => disable([press], obstacle, shown(widget.send)), update: () => undefined };
}

export function hold(widget: Extract<Widget, { widget: 'hold' }>, line: Line): Handle {
  const box = frame(widget);
  const press = make('button', '', widget.title);
  press.type = 'button';
  const held = makeHold(press, {
    press: () => sent(line, widget.press),
    // Where it cannot be sent any more, the bench tells the instrument to stop by itself.
    release: () => void sent(line, widget.release),
  });
  box.append(press, make('p', 'hint', 'works as long as it is held'));
  return {
    element: box,
    enable(obstacle) {
      if (obstacle !== null) held.release();
      disable([press], obstacle, `${shown(widget.press)} … ${shown(widget.release)}`);
    },
    update: () => undefined,
  };
}

export function entry(widget: Extract<Widget, { widget: 'entry' }>, line: Line, reading: Reading | null): Handle {
  const box = frame(widget, widget.quantity ?? undefined);
  const form = make('form');
  const label = make('label');
  const field = make('input');
  field.type = 'text';
  field.inputMode = 'decimal';
  field.autocomplete = 'off';
  const name = make('span', 'entry-title', widget.unit === '' ? widget.title : `${widget.title} (${widget.unit})`);
  label.append(name, field);
  const set = make('button', '', 'Set');
  set.type = 'submit';
  set.setAttribute('aria-label', `Set ${widget.title}`);
  const problem = make('p', 'problem');
  problem.setAttribute('role', 'status');
  form.append(label, set, problem);
  form.onsubmit = (event) => {
    event.preventDefault();
    const read = readEntry(field.value, widget);
    problem.textContent = typeof read === 'string' ? read : '';
    field.setAttribute('aria-invalid', String(typeof read === 'string'));
    if (typeof read === 'string' || !sent(line, widget.send, read * widget.scale)) return;
    line.sender.tell(`${widget.title} set to ${read.toFixed(widget.digits)} ${widget.unit}`.trim() + '.', false);
    field.value = '';
  };
  box.append(form);
  return {
    element: box,
    enable: (obstacle) => disable([field, set], obstacle),
    update() {
      const now = reading?.value?.number;
      const text = now === undefined || now === null ? '' : written(now, widget.digits);
      if (field.placeholder !== text) field.placeholder = text;
    },
  };
}

export function select(widget: Extract<Widget, { widget: 'select' }>, line: Line, reading: Reading | null): Handle {
  const box = frame(widget, widget.quantity ?? undefined);
  const label = make('label');
  const choice = make('select');
  choice.append(new Option('–', ''), ...widget.options.map(({ title }, index) => new Option(title, String(index))));
  choice.options[0]!.disabled = true;
  choice.onchange = () => {
    const option = widget.options[Number(choice.value)];
    if (option !== undefined && sent(line, option.send)) line.sender.tell(`${widget.title}: ${option.title}.`, false);
    // What holds is what the instrument says, if it says so.
    if (reading !== null) showNow();
  };
  const showNow = (): void => {
    const { value } = reading ?? { value: null };
    if (value === null || document.activeElement === choice) return;
    const index = widget.options.findIndex(({ title }) => title === value.word || title === value.raw);
    const wanted = index < 0 ? '' : String(index);
    if (choice.value !== wanted) choice.value = wanted;
  };
  label.append(make('span', 'entry-title', widget.title), choice);
  box.append(label);
  return { element: box, enable: (obstacle) => disable([choice], obstacle), update: showNow };
}
