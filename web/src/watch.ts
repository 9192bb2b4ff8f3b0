/**
 * Looks each second whether the picture of the running connection still moves, while somebody can see it.
 */

import type { Connection } from './connection';
import { countersOf, FrozenPictures } from './frozen';
import { statisticsOf } from './stats';

const EVERY = 1_000;
/** A picture that stays frozen on a fresh connection, too, is not helped by many of them. */
const AT_MOST_EVERY = 30_000;

export class Watch {
  private readonly pictures = new FrozenPictures();
  private connection: Connection | null = null;
  private said = -Infinity;

  constructor(
    private readonly current: () => Connection | null,
    private readonly onFrozen: () => void,
  ) {
    setInterval(() => void this.look(), EVERY);
  }

  private async look(): Promise<void> {
    const connection = this.current();
    if (connection !== this.connection || document.visibilityState !== 'visible') this.pictures.reset();
    this.connection = connection;
    // In silence nothing arrives anyway, and out of sight a browser may save itself the decoding.
    if (connection === null || connection.isQuiet || document.visibilityState !== 'visible') return;
    if (!connection.media.some((media) => media.kind === 'video')) return;
    const entries = await statisticsOf(connection.pc);
    const now = performance.now();
    if (connection !== this.current() || !this.pictures.isFrozen(countersOf(entries), now)) return;
    if (now - this.said < AT_MOST_EVERY) return;
    this.said = now;
    this.onFrozen();
  }
}
