/**
 * What a person puts in and carries out: reads what was pasted, decides which way to the bench it is, and holds ready
 * what has to go back. Keeping a connection is the keeper's business.
 *
 * The page's own offer waits in `own` beside everything else: nothing that a person pastes can end a session.
 */

import { answerOf, benchOfOffer, type OfferingBench } from './bench';
import { findCode, shortAnswer } from './code';
import { Connection, PERSON } from './connection';
import { keyOf, read, write, type Description } from './description';
import type { Face } from './face';
import { Keeper } from './keeper';
import { linkTo } from './link';
import { OwnOffer } from './ownoffer';
import * as sdp from './sdp';
import * as say from './sentences';
import type { BenchAddress } from './whep';

/** How long to look for candidates: a person is slow anyway. */
const GATHER_FOR_PERSON = 5_000;
const COME_UP_AFTER_PASTE = 20_000;
/** A bench that answers every check does so within milliseconds. */
const REACH = 8_000;
const JUST_NOW = 5_000;

export class App {
  private readonly keeper: Keeper;
  private readonly own: OwnOffer;
  /** Pastes are taken one after the other: the event of a paste and the button behind it come close together. */
  private taking: Promise<void> = Promise.resolve();
  private lastPaste = '';
  /** Where the page came from, if a bench may have served it. */
  private origin: string | null = null;

  constructor(private readonly face: Face) {
    this.keeper = new Keeper(face, {
      onChange: () => {
        this.showCode();
        this.showLink();
      },
      onUp: () => this.connected(),
      onFail: () => {
        this.showCode();
        void this.prepare();
      },
      onOtherDown: (connection) => {
        if (connection !== this.own.connection) return;
        this.own.discard();
        void this.prepare();
      },
      spare: () => this.own.takeFresh(performance.now()),
    });
    this.own = new OwnOffer(() => this.keeper.build(), GATHER_FOR_PERSON);
  }

  peerConnection(): RTCPeerConnection | null {
    return (this.keeper.running?.connection ?? this.keeper.attempt?.connection ?? this.own.connection)?.pc ?? null;
  }

  /** The connection whose media are shown. */
  get current(): Connection | null {
    return this.keeper.running?.connection ?? null;
  }

  start(location: Location): void {
    if (typeof RTCPeerConnection !== 'function') return this.face.status.show('failed', say.NO_WEBRTC);
    void this.keeper.prepareCertificate();
    this.origin = /^https?:$/.test(location.protocol) ? location.origin : null;
    const key = keyOf(location.hash);
    const found = findCode(key);
    if (found !== null) return this.keeper.connectTo({ kind: 'code', ...found });
    if (key !== '' && this.origin !== null) return this.connectTo({ base: this.origin, key });
    if (key !== '') void this.take(key);
    else this.face.status.show('idle', this.origin !== null ? say.NO_KEY : 'Not connected. Paste the code that the bench printed.');
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

  /** What the camera read. False if it leads to no bench. */
  takeScanned(text: string): boolean {
    if (read(text).kind === 'unreadable') return false;
    void this.take(text);
    return true;
  }

  private async takeNow(text: string): Promise<void> {
    const { keeper } = this;
    // A paste connects at once. The button that is pressed after it means the same text, or the box that was emptied
    // because it worked.
    if (text === this.lastPaste && (keeper.attempt !== null || keeper.running !== null)) return;
    if (text.trim() === '') {
      if (keeper.running !== null && performance.now() - keeper.upSince < JUST_NOW) return;
      if (keeper.running === null && keeper.home !== null) return keeper.again();
    }
    const pasted = read(text);
    switch (pasted.kind) {
      case 'unreadable':
        return keeper.complain(say.unreadable(pasted.why));
      case 'no-code':
        return keeper.complain(say.noCode(pasted.why));
      case 'code':
        this.lastPaste = text;
        return keeper.connectTo(pasted);
      case 'key':
        if (this.origin === null) return keeper.complain(say.KEY_ALONE);
        this.lastPaste = text;
        return this.connectTo({ base: this.origin, key: pasted.key });
      case 'address':
        if (pasted.key === '') return keeper.complain(say.NO_KEY);
        this.lastPaste = text;
        return this.connectTo(pasted);
      case 'description':
        if (await this.takeDescription(pasted)) this.lastPaste = text;
    }
  }

  private async takeDescription(pasted: Description): Promise<boolean> {
    const isOwn = this.own.ufrag !== null && this.own.ufrag === sdp.iceUfrag(pasted.sdp);
    if (isOwn || !sdp.hasFingerprint(pasted.sdp)) {
      this.keeper.complain(isOwn ? say.OWN_CODE : say.NO_FINGERPRINT);
      return false;
    }
    return pasted.type === 'offer' ? this.takeOffer(pasted) : this.takeAnswer(pasted);
  }

  private connectTo({ base, key }: BenchAddress): void {
    this.keeper.connectTo({ kind: 'whep', address: { base, key } });
  }

  /** The person is back, or the network is. */
  hurry(): void {
    this.keeper.hurry();
  }

  /** The picture stands still although its packets come. */
  refreshConnection(): void {
    this.keeper.refreshConnection();
  }

  /** The boxes were opened while something runs. */
  panelOpened(): void {
    if (this.keeper.attempt?.way.kind !== 'paste') void this.prepare();
  }

  leave(): void {
    this.keeper.leave();
  }

  /** After `leave`. False if that takes a person. */
  comeBack(): boolean {
    const { home } = this.keeper;
    if (home !== null) this.keeper.connectTo(home);
    return home !== null;
  }

  // ---- The bench's offer --------------------------------------------------------------------------------------

  private async takeOffer(offer: Description): Promise<boolean> {
    if (!this.keeper.isBusy) this.face.status.show('connecting', 'Making the answer …');
    try {
      const made = benchOfOffer(offer.sdp);
      if (made === null) await this.answerInFull(offer);
      else await this.answerShortly(made, performance.now() + PERSON, say.ended({ kind: 'no-path' }));
    } catch (error) {
      console.warn('periscope: the offer could not be used', error);
      this.keeper.complain(say.BAD_OFFER);
      return false;
    }
    this.face.leadToOutgoing();
    return true;
  }

  private async answerInFull(offer: Description): Promise<void> {
    const connection = await this.keeper.build();
    try {
      const answer = write({ type: 'answer', sdp: await connection.makeAnswer(offer.sdp, GATHER_FOR_PERSON) });
      // Only now, with an answer in hand, is what was tried before given up.
      this.keeper.adopt({ connection, way: { kind: 'paste', answer, short: null } }, say.CARRY_ANSWER);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * A bench that answers every check waits for nothing but our fingerprint. It stays good until the bench has it: where
   * the browser gives up meanwhile, another connection takes its place.
   */
  private async answerShortly({ bench, tag }: OfferingBench, until: number, unreached: string): Promise<void> {
    const connection = await this.keeper.build();
    let answer = '';
    try {
      await connection.meet(
        (own) => {
          const fingerprint = sdp.fingerprintOf(own);
          if (fingerprint === null) throw new Error('the browser’s offer has no SHA-256 fingerprint');
          answer = shortAnswer(tag, fingerprint);
          return answerOf(bench, own);
        },
        REACH,
        until - performance.now(),
      );
    } catch (error) {
      connection.close();
      throw error;
    }
    const remake = (): Promise<void> => this.answerShortly({ bench, tag }, until, say.OFFER_GONE);
    this.keeper.adopt({ connection, way: { kind: 'paste', answer, short: { remake, unreached } } }, say.CARRY_SHORT_ANSWER);
  }

  // ---- The bench's answer to our offer ------------------------------------------------------------------------

  private async takeAnswer(answer: Description): Promise<boolean> {
    const belongsTo = sdp.answerTo(answer.sdp);
    const { connection } = this.own;
    if (connection === null || (belongsTo !== null && belongsTo !== this.own.ufrag)) {
      await this.prepare();
      this.keeper.complain(say.OTHER_OFFER);
      return false;
    }
    try {
      await connection.takeAnswer(answer.sdp, COME_UP_AFTER_PASTE);
    } catch (error) {
      // The offer still waits: the right answer can be pasted after the wrong one.
      console.warn('periscope: the answer could not be used', error);
      this.keeper.complain(say.BAD_ANSWER);
      return false;
    }
    if (connection.isOver) return false;
    this.own.release();
    this.keeper.adopt({ connection, way: { kind: 'paste', answer: null, short: null } }, 'Connecting to the bench …');
    return true;
  }

  // ---- What goes to the bench ---------------------------------------------------------------------------------

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
    const way = this.keeper.attempt?.way;
    if (way?.kind === 'paste' && way.answer !== null) {
      this.face.showOutgoing({ role: way.short === null ? 'answer' : 'short-answer', code: way.answer });
    } else if (this.own.text !== null) {
      this.face.showOutgoing({ role: 'offer', code: write({ type: 'offer', sdp: this.own.text }) });
    } else {
      this.face.showOutgoing({ role: this.own.isBeingMade ? 'preparing' : 'none' });
    }
  }

  private showLink(): void {
    const { home, running } = this.keeper;
    if (home === null) return this.face.showLink(null);
    const rights = home.kind === 'code' ? home.code.rights : (running?.connection.welcome?.rights ?? null);
    this.face.showLink({ link: linkTo(home, this.origin), rights });
  }

  private connected(): void {
    this.own.discard();
    this.face.clearInput();
    this.lastPaste = '';
    this.showCode();
    this.showLink();
  }
}
