/**
 * Fills #stats each second, while somebody can see it.
 */

import type { Connection } from './connection';
import { element } from './dom';
import type { Player } from './player';
import { measure, statisticsOf, words, type Sample } from './stats';

export class StatsLine {
  private readonly line = element('stats');
  private connection: Connection | null = null;
  private before: { mid: string | null; sample: Sample } | null = null;

  constructor(private readonly player: Player) {
    setInterval(() => void this.update(), 1_000);
  }

  watch(connection: Connection | null): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.before = null;
    this.line.textContent = '';
  }

  private async update(): Promise<void> {
    const { connection } = this;
    const shown = this.player.takeShown();
    if (connection === null || connection.isOver || document.visibilityState !== 'visible') return;
    const mid = this.player.current?.mid ?? null;
    if (mid === null && !connection.media.some((media) => media.kind === 'audio')) return;
    const entries = await statisticsOf(connection.pc);
    if (connection !== this.connection) return;
    const sample = measure(entries, mid, performance.now());
    // Not every browser says how long the network takes; our own ping always does.
    sample.roundTrip ??= connection.roundTrip;
    sample.age = mid === null ? null : connection.clock.age(mid, shown);
    const before = this.before?.mid === mid ? this.before.sample : null;
    this.before = { mid, sample };
    this.line.textContent = words(before, sample);
  }
}
