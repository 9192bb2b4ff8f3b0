/**
 * One data channel of an instrument: whole messages in and out, cut, joined and unpacked on the way.
 */

import { messagesOf, type Message } from './batch';
import { byteLength, Joiner, LONGEST_MESSAGE, Splitter, type Payload } from './chunks';

/** Name of the framing, as the bench announces it with each channel. */
export const PROTOCOL = 'periscope.1';

/** What may wait to be sent. More than that means that the bench does not take it. */
const MOST_WAITING = 4 * 1024 * 1024;

export class Instrument {
  readonly label: string;
  private readonly splitter = new Splitter();
  private readonly joiner = new Joiner();

  constructor(
    private readonly channel: RTCDataChannel,
    onMessages: (messages: Message[]) => void,
  ) {
    this.label = channel.label;
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      const whole = this.joiner.take(typeof data === 'string' ? data : new Uint8Array(data));
      const messages = whole === null ? [] : messagesOf(whole);
      if (messages.length > 0) onMessages(messages);
    };
  }

  get isOpen(): boolean {
    return this.channel.readyState === 'open';
  }

  /** Sends one message. Returns what to tell the person if it cannot be sent. */
  send(payload: Payload): string | null {
    const size = byteLength(payload);
    if (size > LONGEST_MESSAGE) return 'Not sent: this is longer than 1 MiB, the most that one message can hold.';
    if (!this.isOpen) return `Not sent: the bench has closed ${this.label}.`;
    if (this.channel.bufferedAmount + size > MOST_WAITING) {
      return 'Not sent: the bench takes in data too slowly, 4 MiB are still waiting. Try again in a moment.';
    }
    try {
      // The cast: a Uint8Array over shared memory cannot be sent, and the splitter never makes one.
      for (const piece of this.splitter.split(payload)) this.channel.send(piece as string & Uint8Array<ArrayBuffer>);
      return null;
    } catch {
      return `Not sent: the browser refused it. Is ${this.label} still open?`;
    }
  }
}
