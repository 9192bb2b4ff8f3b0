/**
 * What the page is doing: which connection runs, which one is being made, and what to say about it.
 *
 * There are at most three connections: `running` shows its media; `attempt` is on its way to replace it; `own` is the
 * page's own offer, waiting for an answer. A running one is given up only when another one is up: nothing that a
 * person pastes can end a session.
 */

import { Connection, type Cause } from './connection';
import { keyOf, read, write, type Description } from './description';
import type { Face } from './face';
import { OwnOffer } from './ownoffer';
import { Retry } from './retry';
import * as sdp from './sdp';
import * as say from './sentences';
import { endSession, openSession, WhepError, type BenchAddress } from './whep';

type Way =
  | { kind: 'whep'; address: BenchAddress; location: string | null }
  | { kind: 'paste'; answer: string | null };

interface Session {
  connection: Connection;
  way: Way;
}

/** How long to look for candidates: a person is slow anyway, a bench on the LAN finds us by a few. */
const GATHER_FOR_PERSON = 5_000;
const GATHER_FOR_BENCH = 1_000;
const COME_UP = 10_000;
const COME_UP_AFTER_PASTE = 20_000;
/** How long the bench may take to offer its streams before the page mentions those that are missing. */
const STREAMS_MISSING = 3_000;
const JUST_NOW = 5_000;

export class App {
  private running: Session | null = null;
  private attempt: Session | null = null;
  private turn = 0;
  private readonly own = new OwnOffer(() => this.build(), GATHER_FOR_PERSON);
  private certificate: Promise<RTCCertificate> | null = null;
  /** The bench that is connected to again without anybody asking. */
  private address: BenchAddress | null = null;
  private readonly retry = new Retry();
  /** Whether the first connection was given its second chance. */
  private triedTwice = false;
  /** Pastes are taken one after the other: the event of a paste and the button behind it come close together. */
  private taking: Promise<void> = Promise.resolve();
  private lastPaste = '';
  private upSince = -Infinity;
  private missing: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly face: Face) {
    face.status.onAgain(() => this.again());
  }

  peerConnection(): RTCPeerConnection | null {
    return (this.running?.connection ?? this.attempt?.connection ?? this.own.connection)?.pc ?? null;
  }

  /** The connection whose media are shown. */
  get current(): Connection | null {
    return this.running?.connection ?? null;
  }

  start(location: Location): void {
    if (typeof RTCPeerConnection !== 'function') return this.fail(say.NO_WEBRTC);
    const served = /^https?:$/.test(location.protocol);
    const key = keyOf(location.hash);
    if (served && key !== '') return this.connectTo({ base: location.origin, key });
    this.face.status.show('idle', served ? say.NO_KEY : 'Not connected. Two steps lead to the bench.');
    void this.prepare();
  }

  // ---- What a person does -------------------------------------------------------------------------------------

  /** Text from the box, by paste or by button. */
  take(text: string): Promise<void> {
    this.taking = this.taking
      .then(() => this.takeNow(text))
      .catch((error: unknown) => console.warn('periscope: nothing came of what was pasted', error));
    return this.taking;
  }

  private async takeNow(text: string): Promise<void> {
    // A paste connects at once. The button that is pressed after it means the same text, or the box that was emptied
    // because it worked.
    if (text === this.lastPaste && (this.attempt !== null || this.running !== null)) return;
    if (text.trim() === '') {
      if (this.running !== null && performance.now() - this.upSince < JUST_NOW) return;
      if (this.running === null && this.address !== null) return this.again();
    }
    const pasted = read(text);
    if (pasted.kind === 'unreadable') return this.complain(say.unreadable(pasted.why));
    if (pasted.kind === 'address') {
      if (pasted.key === '') return this.complain(say.NO_KEY);
      this.lastPaste = text;
      this.connectTo(pasted);
      return;
    }
    if (!sdp.hasFingerprint(pasted.sdp)) return this.complain(say.NO_FINGERPRINT);
    if (this.own.ufrag !== null && this.own.ufrag === sdp.iceUfrag(pasted.sdp)) return this.complain(say.OWN_CODE);
    const taken = pasted.type === 'offer' ? await this.takeOffer(pasted) : await this.takeAnswer(pasted);
    if (taken) this.lastPaste = text;
  }

  /** The button that appears when there is something to try again. */
  private again(): void {
    const address = this.address;
    if (address === null) return;
    this.retry.stop();
    if (this.face.status.state === 'reconnecting') void this.openWhep(address);
    else this.connectTo(address);
  }

  /** The person is back, or the network is: no reason to wait any longer. */
  hurry(): void {
    if (this.retry.isWaiting) this.again();
  }

  /** The boxes were opened while something runs. */
  panelOpened(): void {
    if (this.attempt?.way.kind !== 'paste') void this.prepare();
  }

  leave(): void {
    this.retry.stop();
    for (const session of [this.running, this.attempt]) {
      if (session !== null) this.dismiss(session, 'the page was closed');
    }
    this.running = this.attempt = null;
  }

  // ---- By paste -----------------------------------------------------------------------------------------------

  private async takeOffer(offer: Description): Promise<boolean> {
    if (!this.isBusy) this.face.status.show('connecting', 'Making the answer …');
    const connection = await this.build();
    let answer: string;
    try {
      answer = await connection.makeAnswer(offer.sdp, GATHER_FOR_PERSON);
    } catch (error) {
      console.warn('periscope: the offer could not be used', error);
      connection.close();
      this.complain(say.BAD_OFFER);
      return false;
    }
    // Only now, with an answer in hand, is what was tried before given up.
    this.retry.stop();
    this.replaceAttempt({ connection, way: { kind: 'paste', answer: write({ type: 'answer', sdp: answer }) } });
    this.showCode();
    this.showAttempt(say.CARRY_ANSWER);
    this.face.leadToOutgoing();
    return true;
  }

  private async takeAnswer(answer: Description): Promise<boolean> {
    const belongsTo = sdp.answerTo(answer.sdp);
    const { connection } = this.own;
    if (connection === null || (belongsTo !== null && belongsTo !== this.own.ufrag)) {
      await this.prepare();
      this.complain(say.OTHER_OFFER);
      return false;
    }
    try {
      await connection.takeAnswer(answer.sdp, COME_UP_AFTER_PASTE);
    } catch (error) {
      // The offer still waits: the right answer can be pasted after the wrong one.
      console.warn('periscope: the answer could not be used', error);
      this.complain(say.BAD_ANSWER);
      return false;
    }
    if (connection.isOver) return false;
    this.retry.stop();
    this.own.release();
    this.replaceAttempt({ connection, way: { kind: 'paste', answer: null } });
    this.showCode();
    this.showAttempt('Connecting to the bench …');
    return true;
  }

  /** Makes the page's own offer, if there is none that waits, and shows it. */
  private async prepare(): Promise<void> {
    if (typeof RTCPeerConnection !== 'function') return;
    const made = this.own.make();
    this.showCode();
    await made;
    this.showCode();
    if (this.own.text !== null && !sdp.hasCandidates(this.own.text)) this.face.status.notice(say.NO_NETWORK);
  }

  private showCode(): void {
    const way = this.attempt?.way;
    if (way?.kind === 'paste' && way.answer !== null) {
      this.face.showOutgoing({ role: 'answer', code: way.answer });
    } else if (this.own.text !== null) {
      this.face.showOutgoing({ role: 'offer', code: write({ type: 'offer', sdp: this.own.text }) });
    } else {
      this.face.showOutgoing({ role: this.own.isBeingMade ? 'preparing' : 'none' });
    }
  }

  // ---- By address ---------------------------------------------------------------------------------------------

  connectTo(address: BenchAddress): void {
    this.retry.stop();
    this.triedTwice = false;
    const sentence = `Connecting to ${address.base.replace(/^https?:\/\//, '')} …`;
    if (this.running === null) {
      this.address = address;
      this.face.status.show('connecting', sentence);
      this.face.showStage(true);
      this.face.stageText('Connecting …');
    } else {
      this.face.status.notice(sentence);
    }
    void this.openWhep(address);
  }

  private async openWhep(address: BenchAddress): Promise<void> {
    const turn = this.replaceAttempt(null);
    const connection = await this.build();
    if (turn !== this.turn) return connection.close();
    const session: Session = { connection, way: { kind: 'whep', address, location: null } };
    this.replaceAttempt(session);
    try {
      const offer = await connection.makeOffer(GATHER_FOR_BENCH);
      const { answer, location } = await openSession(address, offer);
      session.way = { kind: 'whep', address, location };
      if (this.attempt !== session) {
        this.dismiss(session);
        return;
      }
      if (!sdp.hasFingerprint(answer)) throw new WhepError('not-a-bench');
      await connection.takeAnswer(sdp.normalised(answer), COME_UP);
    } catch (error) {
      if (this.attempt !== session) return;
      const failure = error instanceof WhepError ? error : new WhepError('not-a-bench');
      this.whepFailed(session, say.refused(failure, address.base), failure.failure === 'wrong-key');
    }
  }

  private whepFailed(session: Session, sentence: string, isFinal: boolean): void {
    this.dismiss(session);
    this.attempt = null;
    if (this.running === null && this.face.status.state === 'reconnecting' && !isFinal) this.waitToRetry();
    else this.complain(sentence);
  }

  private waitToRetry(): void {
    this.face.status.show('reconnecting', 'The connection to the bench was lost. Trying again', 'Try now');
    this.face.stageText('Reconnecting …');
    this.retry.wait(
      (seconds) => this.face.status.count(seconds > 0 ? `in ${seconds} s.` : 'now …'),
      () => {
        if (this.address !== null) void this.openWhep(this.address);
      },
    );
  }

  // ---- Connections come and go --------------------------------------------------------------------------------

  private async build(): Promise<Connection> {
    // One certificate for as long as the page is open: a connection that is made anew keeps its fingerprint.
    this.certificate ??= RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as EcKeyGenParams);
    try {
      return this.connectionWith(await this.certificate);
    } catch (error) {
      // A browser may have the name and still forbid the thing.
      this.face.status.show('failed', say.NO_WEBRTC);
      throw error;
    }
  }

  private connectionWith(certificate: RTCCertificate): Connection {
    const connection: Connection = new Connection(certificate, {
      onUp: () => this.up(connection),
      onDown: (cause) => this.down(connection, cause),
      onChange: () => {
        if (connection === this.current) this.refresh();
      },
      onData: (label, payload) => this.face.data(label, payload),
      onRemark: (text) => this.face.status.notice(text),
    });
    return connection;
  }

  /** What was tried before is given up. Returns a number by which to see later whether yet another one came. */
  private replaceAttempt(session: Session | null): number {
    if (this.attempt !== null) this.dismiss(this.attempt);
    this.attempt = session;
    return ++this.turn;
  }

  private dismiss({ connection, way }: Session, why = ''): void {
    connection.close(why);
    if (way.kind === 'whep' && way.location !== null) endSession(way.address, way.location);
  }

  private up(connection: Connection): void {
    if (this.attempt?.connection !== connection) return;
    const before = this.running;
    this.running = this.attempt;
    this.attempt = null;
    if (before !== null) this.dismiss(before, 'the page opened another session');
    this.own.discard();
    this.retry.forget();
    const { way } = this.running;
    this.address = way.kind === 'whep' ? way.address : null;
    this.face.clearInput();
    this.lastPaste = '';
    this.upSince = performance.now();
    this.showCode();
    this.face.showStage(true);
    this.face.status.show('connected', say.connected('', null));
    this.refresh();
  }

  private down(connection: Connection, cause: Cause): void {
    if (connection === this.own.connection) {
      this.own.discard();
      void this.prepare();
    } else if (connection === this.attempt?.connection) {
      const session = this.attempt;
      if (session.way.kind === 'paste') {
        this.attempt = null;
        this.complain(say.ended(cause));
      } else if (cause.kind === 'no-path' && this.face.status.state === 'connecting' && !this.triedTwice) {
        this.triedTwice = true;
        // Packets get lost, and a bench that just started may not be ready: once more before it is called a failure.
        void this.openWhep(session.way.address);
      } else {
        this.whepFailed(session, say.ended(cause), cause.kind === 'bye');
      }
    } else if (connection === this.running?.connection) {
      this.runningEnded(this.running, cause);
    }
  }

  private runningEnded(session: Session, cause: Cause): void {
    this.dismiss(session);
    this.running = null;
    this.refresh();
    if (this.attempt !== null) {
      this.showAttempt(this.attempt.way.kind === 'paste' ? say.CARRY_ANSWER : 'Connecting to the bench …');
    } else if (session.way.kind === 'whep' && cause.kind !== 'bye') {
      this.waitToRetry();
    } else {
      this.fail(`${say.ended(cause)}${session.way.kind === 'paste' ? ' A new code is ready below.' : ''}`);
    }
  }

  /** Something did not work. It ends nothing that runs or is still being tried. */
  private complain(sentence: string): void {
    if (this.isBusy) this.face.status.notice(sentence);
    else this.fail(sentence);
  }

  private get isBusy(): boolean {
    return this.running !== null || this.attempt !== null || this.retry.isWaiting;
  }

  private fail(sentence: string): void {
    this.face.status.show('failed', sentence, this.address === null ? null : 'Try again');
    this.face.showStage(false);
    this.showCode();
    void this.prepare();
  }

  private showAttempt(sentence: string): void {
    if (this.running !== null) {
      this.face.status.notice(`${sentence} What runs goes on meanwhile.`);
      return;
    }
    this.face.status.show('connecting', sentence);
    this.face.showStage(false);
  }

  // ---- What runs ----------------------------------------------------------------------------------------------

  private refresh(): void {
    const connection = this.current;
    this.face.showMedia(connection);
    if (connection === null) return;
    const { welcome } = connection;
    const sentence = say.connected(welcome?.name ?? '', welcome?.peer ?? null);
    const missing = (welcome?.streams ?? []).filter((stream) => stream.mid === null).map((stream) => stream.name);
    if (this.missing !== null) clearTimeout(this.missing);
    this.missing = null;
    if (missing.length === 0) {
      this.face.status.reword(sentence);
      return;
    }
    this.missing = setTimeout(() => {
      if (connection === this.current) this.face.status.reword(`${sentence} ${say.notSent(missing)}`);
    }, STREAMS_MISSING);
  }
}
