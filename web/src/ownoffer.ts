/**
 * The page's own offer: made ahead, shown in #code-out, and waiting for as long as a person needs for the answer.
 */

import type { Connection } from './connection';
import { iceUfrag } from './sdp';

/** A laptop that was carried elsewhere has other addresses; what was found here leads nowhere there. */
const FRESH = 10 * 60_000;

export class OwnOffer {
  private waiting: { connection: Connection; offer: string; since: number } | null = null;
  private making: Promise<void> | null = null;
  private turn = 0;

  constructor(
    private readonly build: () => Promise<Connection>,
    private readonly gatherFor: number,
  ) {}

  /** The offer, or null while there is none. */
  get text(): string | null {
    return this.waiting?.offer ?? null;
  }

  get connection(): Connection | null {
    return this.waiting?.connection ?? null;
  }

  get isBeingMade(): boolean {
    return this.making !== null;
  }

  get ufrag(): string | null {
    return this.waiting === null ? null : iceUfrag(this.waiting.offer);
  }

  /** Makes one, unless one is there or on its way. */
  make(): Promise<void> {
    if (this.waiting !== null) return Promise.resolve();
    this.making ??= this.makeNow(this.turn);
    return this.making;
  }

  private async makeNow(turn: number): Promise<void> {
    const connection = await this.build();
    const offer = await connection.makeOffer(this.gatherFor);
    if (turn !== this.turn) return connection.close();
    this.waiting = { connection, offer, since: performance.now() };
    this.making = null;
  }

  /** Its connection, for another use; none if the network may be another one by now. */
  takeFresh(now: number): Connection | null {
    const { waiting } = this;
    if (waiting === null || now - waiting.since > FRESH) return null;
    this.waiting = null;
    return waiting.connection;
  }

  /** Its answer came: the connection is somebody else's from now on. */
  release(): void {
    this.waiting = null;
  }

  discard(): void {
    this.turn++;
    this.making = null;
    this.waiting?.connection.close();
    this.waiting = null;
  }
}
