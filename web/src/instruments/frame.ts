import { make } from '../dom';
import type { Widget } from './profile';

/** The box of a widget, by which tests and scripts find it. */
export function frame({ widget, title }: Widget, quantity?: string): HTMLElement {
  const box = make('div', `widget ${widget}`);
  box.dataset['widget'] = widget;
  box.dataset['title'] = title;
  if (quantity !== undefined) box.dataset['quantity'] = quantity;
  return box;
}
