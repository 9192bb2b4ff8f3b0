/**
 * “Show QR”: the link to the bench as a picture that a phone reads.
 */

import encodeQR from 'qr';
import { element } from './dom';

export interface Shared {
  link: string;
  /** What whoever has it may do; null where this page does not know. */
  rights: 'view' | 'control' | null;
}

/** Modules of white around the code (ISO/IEC 18004 asks for four). */
const QUIET = 4;
const RIGHTS = { view: 'watch the bench', control: 'watch and control the bench' };

export class Share {
  private readonly row = element('share');
  private readonly dialog = element<HTMLDialogElement>('qr');
  private readonly path = element<SVGPathElement>('qr-path');
  private shared: Shared | null = null;

  constructor() {
    element('show-qr').onclick = () => this.open();
    element('qr-close').onclick = () => this.dialog.close();
    // A click beside the sheet closes it, too.
    this.dialog.onclick = (event) => {
      if (event.target === this.dialog) this.dialog.close();
    };
  }

  /** Null: there is no bench to lead to. */
  offer(shared: Shared | null): void {
    this.shared = shared;
    this.row.hidden = shared === null;
    if (shared === null && this.dialog.open) this.dialog.close();
  }

  private open(): void {
    if (this.shared === null) return;
    const { link, rights } = this.shared;
    const modules = encodeQR(link, 'raw', { ecc: 'low', border: QUIET });
    const size = modules.length;
    this.path.ownerSVGElement?.setAttribute('viewBox', `0 0 ${size} ${size}`);
    this.path.setAttribute('d', outline(modules));
    const how = link.includes('://') ? 'Point a phone’s camera at it: the phone opens this page and connects.' : 'Scan it with this page on another device: button “Scan”.';
    element('qr-help').textContent = `${how} Whoever has it can ${rights === null ? 'come to the bench' : RIGHTS[rights]}, so show it only to those who may.`;
    element('qr-link').textContent = link;
    this.dialog.showModal();
  }
}

/** One rectangle for each run of dark modules in a row. */
export function outline(modules: boolean[][]): string {
  let path = '';
  modules.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== true) continue;
      const from = x;
      while (row[x + 1] === true) x++;
      path += `M${from} ${y}h${x + 1 - from}v1h${from - x - 1}z`;
    }
  });
  return path;
}
