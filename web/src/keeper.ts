/**
 * Keeps the page connected: which connection runs, which one is being made, and when the next one is tried.
 *
 * A running connection is given up only when another one is up. A bench that falls silent is looked for with a second
 * connection beside the first; whichever answers first stays.
 */

import { Connection, type Cause } from './connection';
import type { Face } from './face';
import { Retry } from './retry';
import * as say from './sentences';
import { Teller } from './teller';
import { close, open, wayTo, type Home, type Pace, type Session, type ShortAnswer } from './ways';
import { WhepError } from './whep';

/** Why a connection is being made: a person wants it, the running one is silent or shows nothing new, or none is left. */
type Reason = 'asked' | 'quiet' | 'frozen' | 'lost';
type Attempt = Session & { reason: Reason; pace: Pace; begun: number };

export interface KeeperEvents {
  /** What is shown in the boxes may have to change. */
  onChange(): void;
  /** A connection is up. */
  onUp(): void;
  /** There is nothing that runs, and a person is needed or may be of help. */
  onFail(): void;
  /** A connection ended that is neither the running one nor the one that is being made. */
  onOtherDown(connection: Connection): void;
  /** A connection that has made its offer ahead of time and is needed for nothing else, if there is one. */
  spare(): Connection | null;
}

/** A silence that is over sooner is not worth a word. */
const SILENCE_SHOWN = 1_000;
/**
 * A try that took so long was not ended by its timer: out of sight timers may come but once a minute. There the end of
 * the browser's own checks, after 10 to 15 s, sets the pace.
 */
const TIMERS_SLEEP = 5_000;
/** A connection that ends sooner most likely ends again: the next one is not made at once. */
const SHORT_LIVED = 3_000;

export class Keeper {
  running: Session | null = null;
  attempt: Attempt | null = null;
  /** The bench to which the page comes back without anybody asking. */
  home: Home | null = null;
  upSince = -Infinity;
  private turn = 0;
  private readonly retry = new Retry();
  private certificate: Promise<RTCCertificate> | null = null;
  /** The silence of the running connection is shown as a lost connection. */
  private silenceShown = false;
  private silence: ReturnType<typeof setTimeout> | undefined;

  private readonly teller: Teller;

  constructor(
    private readonly face: Face,
    private readonly events: KeeperEvents,
  ) {
    this.teller = new Teller(face);
    face.status.onAgain(() => this.again());
  }

  get isBusy(): boolean {
    return this.running !== null || this.attempt !== null || this.retry.isWaiting;
  }

  // ---- What a person wants ------------------------------------------------------------------------------------

  connectTo(home: Home): void {
    this.retry.forget();
    this.face.anew();
    if (this.running === null) {
      this.home = home;
      this.teller.connecting(home);
    } else {
      this.teller.remark(say.connectingTo(home));
    }
    void this.begin(home, 'asked', 'first');
    this.events.onChange();
  }

  /** A connection that a person made by carrying texts. */
  adopt(session: Session, sentence: string): void {
    this.retry.forget();
    this.face.anew();
    this.replaceAttempt({ ...session, reason: 'asked', pace: 'first', begun: performance.now() });
    this.showAttempt(sentence);
    this.events.onChange();
  }

  /** The button that appears when there is something to try again. */
  again(): void {
    if (this.home === null) return;
    if (this.running !== null) return this.tryAgain('quiet');
    if (this.teller.isReconnecting || this.retry.isWaiting) return this.tryAgain('lost');
    this.connectTo(this.home);
  }

  /** The person is back, or the network is: no reason to wait any longer. */
  hurry(): void {
    if (this.retry.isWaiting) {
      this.retry.forget();
      this.again();
    } else if (this.attempt?.pace === 'again' && performance.now() - this.attempt.begun > TIMERS_SLEEP) {
      this.tryAgain(this.attempt.reason);
    }
    this.running?.connection.doubt();
  }

  /** The picture stands still although its packets come. */
  refreshConnection(): void {
    const way = this.running?.way;
    if (way === undefined || way.kind === 'paste' || this.attempt !== null) return;
    void this.begin(way.home, 'frozen', 'again');
  }

  leave(): void {
    this.retry.stop();
    for (const session of [this.running, this.attempt]) {
      if (session !== null) close(session, 'the page was closed');
    }
    this.running = this.attempt = null;
  }

  /** Something did not work. It ends nothing that runs or is still being tried. */
  complain(sentence: string): void {
    if (this.isBusy) this.teller.remark(sentence);
    else this.fail(sentence);
  }

  // ---- Connections come and go --------------------------------------------------------------------------------

  /** Ahead of time: the first connection need not wait for it. */
  prepareCertificate(): Promise<RTCCertificate> {
    // One for as long as the page is open: a connection that is made anew keeps its fingerprint.
    this.certificate ??= RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as EcKeyGenParams);
    return this.certificate;
  }

  async build(): Promise<Connection> {
    try {
      return this.connectionWith(await this.prepareCertificate());
    } catch (error) {
      // A browser may have the name and still forbid the thing.
      this.teller.failed(say.NO_WEBRTC, null);
      throw error;
    }
  }

  private connectionWith(certificate: RTCCertificate): Connection {
    const connection: Connection = new Connection(certificate, {
      onUp: () => this.up(connection),
      onDown: (cause) => this.down(connection, cause),
      onChange: () => {
        if (connection !== this.running?.connection || this.silenceShown) return;
        this.teller.running(connection);
        this.events.onChange();
      },
      onData: (label, messages) => this.face.data(label, messages),
      onVerdict: (verdict) => this.face.verdict(verdict),
      onRemark: (text) => this.teller.remark(text),
      onQuiet: (isQuiet) => {
        if (connection !== this.running?.connection) return;
        if (isQuiet) this.fellSilent(this.running);
        else this.answersAgain();
      },
    });
    return connection;
  }

  private async begin(home: Home, reason: Reason, pace: Pace): Promise<void> {
    const turn = this.replaceAttempt(null);
    // To make an offer takes a browser longer than to connect.
    const connection = (home.kind === 'code' ? this.events.spare() : null) ?? (await this.build());
    if (turn !== this.turn) return connection.close();
    const attempt: Attempt = { connection, way: wayTo(home), reason, pace, begun: performance.now() };
    this.attempt = attempt;
    try {
      await open(attempt, pace);
    } catch (error) {
      if (this.attempt !== attempt || connection.isOver) return;
      console.warn('periscope: the bench gave no session', error);
      this.attemptFailed(attempt, error instanceof WhepError ? error : new WhepError('not-a-bench'));
    }
  }

  private tryAgain(reason: Reason): void {
    this.retry.stop();
    const { home } = this;
    if (home === null) return;
    this.teller.count(0);
    void this.begin(home, reason, 'again');
  }

  /** What was tried before is given up. Returns a number by which to see later whether yet another one came. */
  private replaceAttempt(attempt: Attempt | null): number {
    if (this.attempt !== null) close(this.attempt);
    this.attempt = attempt;
    return ++this.turn;
  }

  private up(connection: Connection): void {
    if (this.attempt?.connection !== connection) return;
    const before = this.running;
    const { way } = this.attempt;
    this.running = { connection, way };
    this.attempt = null;
    this.forgetSilence();
    if (before !== null) {
      // The last picture stays in sight until the new connection has one.
      this.teller.showMedia(null);
      close(before, 'the page opened another session');
    }
    this.retry.stop();
    this.home = way.kind === 'paste' ? null : way.home;
    this.upSince = performance.now();
    this.events.onUp();
    this.teller.connected(connection);
  }

  private down(connection: Connection, cause: Cause): void {
    if (connection === this.attempt?.connection) this.attemptFailed(this.attempt, cause);
    else if (connection === this.running?.connection) this.runningEnded(this.running, cause);
    else this.events.onOtherDown(connection);
  }

  private attemptFailed(attempt: Attempt, why: Cause | WhepError): void {
    close(attempt);
    this.attempt = null;
    const { way } = attempt;
    if (way.kind === 'paste') return this.carriedFailed(attempt.connection, way.short, why);
    const sentence = say.notReached(way.home, why);
    const isFinal = say.isFinal(why);
    if (this.running !== null) {
      if (attempt.reason === 'asked') this.teller.remark(sentence);
      if (this.running.connection.isQuiet && (attempt.reason === 'asked' || !isFinal)) this.waitToRetry(attempt);
    } else if (isFinal) {
      this.fail(sentence);
    } else if (this.teller.isReconnecting || this.comesBack(way.home, why)) {
      this.waitToRetry(attempt, sentence);
    } else {
      this.fail(sentence);
    }
  }

  private carriedFailed(connection: Connection, short: ShortAnswer | null, why: Cause | WhepError): void {
    const gaveUp = !(why instanceof WhepError) && (why.kind === 'no-path' || why.kind === 'lost');
    const sentence = why instanceof WhepError ? say.BAD_ANSWER : gaveUp && short !== null ? short.unreached : say.ended(why);
    // The bench was there: it is the browser that gave up while the person was on the way.
    if (gaveUp && short !== null && connection.wasReached) short.remake().catch(() => this.complain(sentence));
    else this.complain(sentence);
  }

  /** Whether a first attempt that came to nothing is followed by another one. */
  private comesBack(home: Home, why: Cause | WhepError): boolean {
    // Packets get lost, and a bench that just started may not be ready.
    return home.kind === 'code' || (!(why instanceof WhepError) && this.retry.failures === 0);
  }

  private runningEnded(session: Session, cause: Cause): void {
    close(session);
    this.running = null;
    this.forgetSilence();
    this.teller.showMedia(null);
    const { attempt } = this;
    if (attempt?.way.kind === 'paste' || attempt?.reason === 'asked') {
      this.home = attempt.way.kind === 'paste' ? null : attempt.way.home;
      this.showAttempt(attempt.way.kind === 'paste' && attempt.way.answer !== null ? say.CARRY_ANSWER : 'Connecting to the bench …');
    } else if (session.way.kind !== 'paste' && cause.kind !== 'bye') {
      this.showReconnecting();
      if (attempt === null) this.comeBack();
    } else {
      if (attempt !== null) this.replaceAttempt(null);
      this.retry.forget();
      this.fail(`${say.ended(cause)}${session.way.kind === 'paste' ? ' A new code is ready below.' : ''}`);
    }
  }

  private comeBack(): void {
    if (this.forgetFailures()) this.tryAgain('lost');
    else this.tryLater('lost');
  }

  /** How often it came to nothing counts until a connection has lasted; whether that is so. */
  private forgetFailures(): boolean {
    const hasLasted = performance.now() - this.upSince >= SHORT_LIVED;
    if (hasLasted) this.retry.forget();
    return hasLasted;
  }

  // ---- Silence ------------------------------------------------------------------------------------------------

  private fellSilent(session: Session): void {
    this.forgetFailures();
    this.silence = setTimeout(() => {
      this.silenceShown = true;
      this.showReconnecting();
    }, SILENCE_SHOWN);
    if (session.way.kind !== 'paste' && this.attempt === null) this.tryAgain('quiet');
  }

  private answersAgain(): void {
    if (this.attempt?.reason === 'quiet') this.replaceAttempt(null);
    this.retry.forget();
    const wasShown = this.silenceShown;
    this.forgetSilence();
    if (wasShown && this.running !== null) this.teller.connected(this.running.connection);
  }

  private forgetSilence(): void {
    clearTimeout(this.silence);
    this.silenceShown = false;
  }

  // ---- Waiting and failing ------------------------------------------------------------------------------------

  /** `sentence`: why the bench was not reached, for a page that never was connected to it. */
  private waitToRetry(before: Attempt, sentence = ''): void {
    if (this.teller.isFirstTry && before.way.kind === 'code') {
      this.teller.failed(sentence, 'Try now');
      this.events.onFail();
    } else {
      this.teller.stillFailing(sentence);
    }
    const reason = this.running === null ? 'lost' : 'quiet';
    if (before.pace === 'again' && performance.now() - before.begun > TIMERS_SLEEP) return this.tryAgain(reason);
    this.tryLater(reason);
  }

  private tryLater(reason: Reason): void {
    this.retry.wait((seconds) => this.teller.count(seconds), () => this.tryAgain(reason));
  }

  private showReconnecting(): void {
    this.teller.reconnecting(this.home !== null);
    if (this.attempt !== null) this.teller.count(0);
  }

  private fail(sentence: string): void {
    this.teller.failed(sentence, this.home === null ? null : 'Try again');
    this.events.onFail();
  }

  private showAttempt(sentence: string): void {
    if (this.running === null) this.teller.carrying(sentence);
    else this.teller.remark(`${sentence} What runs goes on meanwhile.`);
  }
}
