/**
 * Says what the keeper does: the sentence, the stage, the countdown.
 */

import type { Connection } from './connection';
import type { Face } from './face';
import * as say from './sentences';
import type { Home } from './ways';

/** How long the bench may take to offer its streams before the page mentions those that are missing. */
const STREAMS_MISSING = 3_000;

export class Teller {
  private missing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly face: Face) {}

  get isReconnecting(): boolean {
    return this.face.status.state === 'reconnecting';
  }

  get isFirstTry(): boolean {
    return this.face.status.state === 'connecting';
  }

  remark(text: string): void {
    this.face.status.notice(text);
  }

  connecting(home: Home): void {
    this.face.status.show('connecting', say.connectingTo(home));
    this.face.showStage(true);
    this.face.stageText('Connecting …');
  }

  /** A connection that a person makes by carrying texts is on its way. */
  carrying(sentence: string): void {
    this.face.status.show('connecting', sentence);
    this.face.showStage(false);
  }

  /** Null: nothing runs, or it is silent. */
  showMedia(connection: Connection | null): void {
    this.face.showMedia(connection);
  }

  connected(connection: Connection): void {
    this.face.showStage(true);
    this.face.status.show('connected', say.connected(connection.welcome));
    this.running(connection);
  }

  /** The media, the names or the instruments of the connection that runs are not what they were. */
  running(connection: Connection): void {
    this.face.showMedia(connection);
    const sentence = say.connected(connection.welcome);
    const missing = (connection.welcome?.streams ?? []).filter((stream) => stream.mid === null).map((stream) => stream.name);
    clearTimeout(this.missing);
    if (missing.length === 0) {
      this.face.status.reword(sentence);
      return;
    }
    this.missing = setTimeout(() => {
      if (this.face.status.state === 'connected') this.face.status.reword(`${sentence} ${say.notSent(missing)}`);
    }, STREAMS_MISSING);
  }

  /** `canTry`: the page can come back by itself. */
  reconnecting(canTry: boolean): void {
    clearTimeout(this.missing);
    this.face.showMedia(null);
    this.face.status.show('reconnecting', canTry ? say.RECONNECTING : say.SILENT, canTry ? 'Try now' : null);
    this.face.stageText(canTry ? 'Reconnecting …' : 'Waiting for the bench …');
  }

  /** Seconds to the next try, where it is shown that the bench is not there. */
  count(seconds: number): void {
    const { status } = this.face;
    const when = seconds > 0 ? `in ${seconds} s.` : 'now …';
    if (status.state === 'reconnecting') status.count(when);
    else if (status.state === 'failed') status.count(`Trying again ${when}`);
  }

  /** `again`: the label of the button, null where there is nothing to try. */
  failed(sentence: string, again: string | null): void {
    this.face.status.show('failed', sentence, again);
    this.face.showStage(false);
  }

  /** The reason may be another one than that of the try before. */
  stillFailing(sentence: string): void {
    if (this.face.status.state === 'failed') this.face.status.reword(sentence);
  }
}
