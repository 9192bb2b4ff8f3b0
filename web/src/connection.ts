/**
 * One RTCPeerConnection with a bench, from its first description to its end, whichever side made the offer.
 *
 * Who calls what: the page-offers role is `makeOffer` then `takeAnswer`; the page-answers role is `makeAnswer`; a page
 * that knows enough of the bench to write its answer itself calls `meet`. From then on the bench offers its media over
 * the control channel. `onUp` is called once, `onDown` at most once and last.
 */

import { BenchClock } from './age';
import type { Message } from './batch';
import { codecNames, FEATURES, parse, VERSION, type FromPage, type Refused, type Safe, type Welcome } from './control';
import { Desk } from './desk';
import { HEARTBEAT } from './heartbeat';
import { Instrument, PROTOCOL } from './instrument';
import { keepChecking } from './patience';
import { Pulse } from './pulse';
import { bytesReceived, statisticsOf } from './stats';
import { gathered, mediaOf, senderOf, setAnswer, setOffer, type Media } from './negotiation';
import { letBenchBegin, withoutCandidates } from './sdp';

/** Why a connection ended. `no-path`: it never came up although both descriptions were there. */
export type Cause =
  | { kind: 'no-path' | 'never-taken' | 'wrong-certificate' | 'lost' | 'silent' | 'closed' }
  | { kind: 'bye'; text: string };

export interface ConnectionEvents {
  onUp(): void;
  onDown(cause: Cause): void;
  /** The media, the bench's names for them, or the instruments are not what they were. */
  onChange(): void;
  onData(label: string, messages: Message[]): void;
  /** What became of commands. */
  onVerdict(verdict: Safe | Refused): void;
  /** Something that the bench wants a person to read. */
  onRemark(text: string): void;
  /** The bench does not answer for the moment, or answers again. */
  onQuiet(isQuiet: boolean): void;
}

/** From encrypted to the control channel takes milliseconds. */
const ENCRYPTED = 8_000;
/** How long the state of the encryption may lag behind that of the connection. */
const FAILED_WHY = 500;
/** For a bench that answers no pings: the browser itself says sooner or later what became of the path. */
const DISCONNECTED_FOR = 15_000;
export const PERSON = 15 * 60_000;
const TICK = 250;

export class Connection {
  readonly pc: RTCPeerConnection;
  welcome: Welcome | null = null;
  media: Media[] = [];
  readonly instruments = new Map<string, Instrument>();
  readonly desk = new Desk();
  readonly clock = new BenchClock();

  private phase: 'building' | 'up' | 'over' = 'building';
  private readonly control: RTCDataChannel;
  /** From the welcome on: only a bench that speaks this protocol answers pings; another one may be silent for ever. */
  private pulse: Pulse | null = null;
  private saidQuiet = false;
  /** What had come at the last look; null while answers are in time. */
  private received: number | null = null;
  private readonly streams = new WeakMap<MediaStreamTrack, MediaStream>();
  /** Data that came before the connection was up as a whole; an instrument may be faster than the control channel. */
  private early: [label: string, messages: Message[]][] = [];
  private negotiation: Promise<void> = Promise.resolve();
  private ticker: ReturnType<typeof setInterval> | null = null;
  private disconnected: ReturnType<typeof setTimeout> | null = null;
  private limit: ReturnType<typeof setTimeout> | null = null;
  private deadline = Infinity;
  private reached = false;
  /** How long a person may take once the bench has been reached. */
  private patience: number | null = null;
  private stopChecking: (() => void) | null = null;

  constructor(certificate: RTCCertificate, private readonly events: ConnectionEvents) {
    this.pc = new RTCPeerConnection({ certificates: [certificate], bundlePolicy: 'max-bundle' });
    this.control = this.pc.createDataChannel('periscope', { negotiated: true, id: 0 });
    this.control.onopen = () => this.controlOpened();
    this.control.onclose = () => {
      // Of a connection that failed the reason is told by its state.
      if (this.pc.connectionState !== 'failed') this.end({ kind: 'closed' });
    };
    this.control.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === 'string') this.controlMessage(data);
    };
    this.pc.onconnectionstatechange = () => this.connectionChanged();
    this.pc.oniceconnectionstatechange = () => this.pathChanged();
    this.pc.ondatachannel = ({ channel }) => this.addInstrument(channel);
  }

  get isOver(): boolean {
    return this.phase === 'over';
  }

  /** Of the last ping, in milliseconds. */
  get roundTrip(): number | null {
    return this.pulse?.roundTrip ?? null;
  }

  /** The bench has answered, whatever became of it. */
  get wasReached(): boolean {
    return this.reached;
  }

  get isQuiet(): boolean {
    return this.saidQuiet;
  }

  /** There is a reason to doubt that the path still holds: ask now, and believe silence sooner. */
  doubt(): void {
    if (this.phase !== 'up') return;
    this.pulse?.doubt(performance.now());
    this.tick();
  }

  /**
   * Makes an offer that goes nowhere, and takes the answer that `answerTo` writes to it. The browser need not find its
   * candidates first: a bench that answers every check needs none of them. With `patience` the connection has `limit`
   * milliseconds to reach the bench, and `patience` to come up.
   */
  async meet(answerTo: (offer: string) => string, limit: number, patience: number | null = null): Promise<void> {
    this.patience = patience;
    const made = this.pc.localDescription;
    const offer = made ?? (await this.pc.createOffer());
    const answer = answerTo(offer.sdp ?? '');
    await Promise.all([
      made === null ? this.pc.setLocalDescription(offer) : null,
      this.pc.setRemoteDescription({ type: 'answer', sdp: answer }),
    ]);
    this.comeUpWithin(limit, { kind: 'no-path' });
  }

  /** A data-only offer with all its candidates. */
  async makeOffer(gatherFor: number): Promise<string> {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    return gathered(this.pc, gatherFor);
  }

  /** Takes the bench's answer; from here the connection has `limit` milliseconds to come up. */
  async takeAnswer(sdp: string, limit: number): Promise<void> {
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
    this.comeUpWithin(limit, { kind: 'no-path' });
  }

  /**
   * Answers the bench's offer. A person carries the answer, so the bench's candidates are held back and fed to the
   * browser again and again until the bench is there.
   */
  async makeAnswer(offer: string, gatherFor: number): Promise<string> {
    const { sdp, candidates } = withoutCandidates(letBenchBegin(offer));
    await setOffer(this.pc, sdp);
    await this.setAnswer(offer);
    const answer = await gathered(this.pc, gatherFor);
    this.stopChecking = keepChecking(this.pc, candidates);
    this.comeUpWithin(PERSON, { kind: 'never-taken' });
    return answer;
  }

  /** Ends it from this side. `onDown` is not called: the caller knows. */
  close(text = ''): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.say({ type: 'bye', text });
    this.tidyUp();
  }

  // ---- Coming up and going down -------------------------------------------------------------------------------

  private connectionChanged(): void {
    const state = this.pc.connectionState;
    if (state !== 'disconnected' && this.disconnected !== null) {
      clearTimeout(this.disconnected);
      this.disconnected = null;
    }
    if (state === 'connected') {
      this.rise();
      // Nobody is on the way any more. A bench that does not like our certificate says nothing, it is only gone.
      if (this.phase === 'building') this.comeUpWithin(Math.min(ENCRYPTED, this.deadline - performance.now()), { kind: 'lost' });
    } else if (state === 'disconnected' && this.phase === 'up') {
      // Often a moment of bad Wi-Fi; only a longer one is the end.
      this.disconnected ??= setTimeout(() => this.end({ kind: 'lost' }), DISCONNECTED_FOR);
      this.doubt();
    } else if (state === 'failed') {
      this.encryptionChanged();
      // While a person is on the way to the bench, a browser that gave up has only given up for now.
      if (this.stopChecking !== null) return;
      // Where the path holds, a certificate that does not fit may be the reason; its own state may tell a moment later.
      if (this.phase === 'building' && this.hasPath) this.comeUpWithin(FAILED_WHY, { kind: 'lost' });
      else this.end({ kind: 'lost' });
    } else if (state === 'closed') {
      this.end({ kind: 'closed' });
    }
  }

  private get hasPath(): boolean {
    return this.pc.iceConnectionState === 'connected' || this.pc.iceConnectionState === 'completed';
  }

  private pathChanged(): void {
    if (!this.hasPath) return;
    this.reached = true;
    if (this.patience !== null) this.comeUpWithin(this.patience, { kind: 'never-taken' });
    this.patience = null;
  }

  /**
   * Unlike a path, a certificate that does not fit is a failure for good. Without a path Firefox says that the
   * encryption failed, too, and says so first.
   */
  private encryptionChanged(): void {
    if (this.hasPath && this.encryption()?.state === 'failed') this.end({ kind: this.phase === 'up' ? 'lost' : 'wrong-certificate' });
  }

  private encryption(): RTCDtlsTransport | null {
    return this.pc.sctp?.transport ?? this.pc.getReceivers()[0]?.transport ?? null;
  }

  /** Up is: encrypted, and the control channel open where the descriptions have data at all. */
  private rise(): void {
    if (this.phase !== 'building' || this.pc.connectionState !== 'connected') return;
    if (this.pc.sctp !== null && this.control.readyState !== 'open') return;
    this.phase = 'up';
    this.stopWaiting();
    this.events.onUp();
    for (const [label, messages] of this.early.splice(0)) this.events.onData(label, messages);
  }

  private end(cause: Cause): void {
    if (this.phase === 'over') return;
    const neverUp = this.phase === 'building' && (cause.kind === 'lost' || cause.kind === 'closed');
    this.phase = 'over';
    this.tidyUp();
    this.events.onDown(neverUp ? { kind: 'no-path' } : cause);
  }

  private stopWaiting(): void {
    if (this.limit !== null) clearTimeout(this.limit);
    this.limit = null;
    this.stopChecking?.();
    this.stopChecking = null;
  }

  private tidyUp(): void {
    this.stopWaiting();
    this.desk.close();
    if (this.ticker !== null) clearInterval(this.ticker);
    if (this.disconnected !== null) clearTimeout(this.disconnected);
    this.pc.close();
  }

  /** Both descriptions are there: it has to come up within `limit` milliseconds. */
  private comeUpWithin(limit: number, cause: Cause): void {
    if (this.phase !== 'building') return;
    if (this.limit !== null) clearTimeout(this.limit);
    this.deadline = performance.now() + limit;
    this.limit = setTimeout(() => this.end(cause), limit);
    this.encryption()?.addEventListener('statechange', () => this.encryptionChanged());
  }

  // ---- Descriptions -------------------------------------------------------------------------------------------

  private async setAnswer(offer: string): Promise<void> {
    await setAnswer(this.pc, offer);
    this.media = mediaOf(this.pc, this.streams);
    if (this.phase === 'up') this.events.onChange();
  }

  // ---- The control channel ------------------------------------------------------------------------------------

  private controlOpened(): void {
    const codecs = ['video', 'audio'].flatMap((kind) => RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? []);
    this.say({ type: 'hello', version: VERSION, codecs: codecNames(codecs.map((codec) => codec.mimeType)), features: FEATURES });
    this.rise();
  }

  say(message: FromPage): void {
    if (this.control.readyState !== 'open') return;
    try {
      this.control.send(JSON.stringify(message));
    } catch {
      // The channel is going down; what that means is decided where its end is noticed.
    }
  }

  /** Tells the bench that this page begins or ceases to talk; `transmit`: whose transmitters that keys. */
  talk(on: boolean, transmit: readonly string[]): void {
    if (this.phase !== 'up') return;
    if (on) this.desk.beatWhileTalking(true);
    this.say(on ? { type: 'talk', on, transmit } : { type: 'talk', on });
    if (!on) this.desk.beatWhileTalking(false);
  }

  /** What sends this page's microphone; null where the bench does not listen. */
  get microphoneSender(): RTCRtpSender | null {
    return this.phase === 'up' && this.desk.talk !== null ? senderOf(this.pc, this.desk.talk.mid) : null;
  }

  private controlMessage(text: string): void {
    const message = parse(text);
    if (message === null || this.phase === 'over') return;
    switch (message.type) {
      case 'welcome':
        this.welcome = message;
        this.pulse ??= new Pulse(performance.now());
        this.ticker ??= setInterval(() => this.tick(), TICK);
        if (this.phase === 'up') this.events.onChange();
        break;
      case 'offer':
        // One after the other: a browser takes no offer while it works on another one.
        this.negotiation = this.negotiation.then(() => this.renegotiate(message.id, message.sdp));
        break;
      case 'pong':
        this.pulse?.pong(message.t, performance.now());
        if (message.time !== null) this.clock.pong(message.t, performance.now(), message.time);
        this.tellQuiet(false);
        break;
      case 'error':
        if (message.text !== '') this.events.onRemark(message.text);
        break;
      case 'instrument':
      case 'control':
      case 'talk':
        this.desk.take(message);
        if (this.phase === 'up') this.events.onChange();
        break;
      case 'safe':
      case 'refused':
        if (this.phase === 'up') this.events.onVerdict(message);
        break;
      case 'bye':
        this.end({ kind: 'bye', text: message.text });
        break;
    }
  }

  private async renegotiate(id: number, sdp: string): Promise<void> {
    if (this.isOver) return;
    try {
      await setOffer(this.pc, sdp);
      await this.setAnswer(sdp);
      this.say({ type: 'answer', id, sdp: this.pc.localDescription?.sdp ?? '' });
    } catch (error) {
      if (this.isOver) return;
      console.warn('periscope: the offer of new media could not be used', error);
      this.events.onRemark('This browser could not take the media that the bench offered. What runs goes on.');
    }
  }

  private tick(): void {
    const now = performance.now();
    const what = this.pulse?.tick(now);
    if (what === 'gone') return this.end({ kind: 'silent' });
    if (what === 'ping') this.say({ type: 'ping', t: now });
    if (this.pulse?.isLate(now)) void this.look();
    else this.received = null;
    this.tellQuiet(this.pulse?.isQuiet(now) ?? false);
  }

  /** An answer is late. Where packets come, it is the network that lost it, and another connection would do no better. */
  private async look(): Promise<void> {
    const received = bytesReceived(await statisticsOf(this.pc));
    if (this.received !== null && received > this.received) this.pulse?.stir(performance.now());
    this.received = received;
  }

  private tellQuiet(isQuiet: boolean): void {
    if (isQuiet === this.saidQuiet || this.phase !== 'up') return;
    this.saidQuiet = isQuiet;
    this.events.onQuiet(isQuiet);
  }

  // ---- Instruments --------------------------------------------------------------------------------------------

  private addInstrument(channel: RTCDataChannel): void {
    if (channel.protocol !== PROTOCOL) return;
    if (channel.label === HEARTBEAT) return this.desk.beatOn(channel);
    const instrument = new Instrument(channel, (messages) => {
      if (this.phase === 'up') this.events.onData(instrument.label, messages);
      else if (this.phase === 'building') this.early.push([instrument.label, messages]);
    });
    this.instruments.set(instrument.label, instrument);
    const changed = (): void => {
      if (this.phase === 'up') this.events.onChange();
    };
    channel.onopen = changed;
    channel.onclose = () => {
      if (this.instruments.get(instrument.label) === instrument) this.instruments.delete(instrument.label);
      changed();
    };
    changed();
  }
}
