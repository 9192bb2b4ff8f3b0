import type { Message } from './batch';
import type { Connection } from './connection';
import type { Refused, Safe } from './control';
import type { Outgoing } from './panel';
import type { Shared } from './share';
import type { Status } from './status';

/** What the app needs of the rest of the page. */
export interface Face {
  status: Status;
  showOutgoing(outgoing: Outgoing): void;
  leadToOutgoing(): void;
  /** What leads another device to the same bench; null where nothing does. */
  showLink(shared: Shared | null): void;
  clearInput(): void;
  /** Whether there is a picture, or one is about to come back: then the boxes fold away. */
  showStage(stage: boolean): void;
  /** The media, names and instruments of the running connection; null where there is none. */
  showMedia(connection: Connection | null): void;
  stageText(text: string): void;
  data(label: string, messages: Message[]): void;
  verdict(verdict: Safe | Refused): void;
  /** A person asked for a bench that may be another one than before. */
  anew(): void;
}
