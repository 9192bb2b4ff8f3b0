/**
 * Looks each second whether sound waits in this browser longer than it has to, and asks the bench to leave that out.
 */

import { Backlog, bufferedOf } from './backlog';
import type { Connection } from './connection';
import { statisticsOf } from './stats';

const EVERY = 1_000;

export class Trim {
  private backlog = new Backlog();
  private connection: Connection | null = null;

  constructor(private readonly current: () => Connection | null) {
    setInterval(() => void this.look(), EVERY);
  }

  private async look(): Promise<void> {
    const connection = this.current();
    if (connection !== this.connection) this.backlog = new Backlog();
    this.connection = connection;
    // Only a bench that has said welcome knows what to leave out.
    if (connection === null || connection.welcome === null || !connection.media.some((media) => media.kind === 'audio')) return;
    const entries = await statisticsOf(connection.pc);
    if (connection !== this.current()) return;
    for (const counters of bufferedOf(entries)) {
      const ms = this.backlog.look(performance.now(), counters);
      if (ms > 0) connection.say({ type: 'skip', mid: counters.mid, ms });
    }
  }
}
