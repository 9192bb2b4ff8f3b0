import type { Payload } from './chunks';
import type { Connection } from './connection';
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
  data(label: string, payload: Payload): void;
}
