import type { Payload } from '../chunks';

/** What commands need of the page. */
export interface Sender {
  /** Sends one message. Returns what to tell the person if it cannot be sent. */
  send(label: string, payload: Payload): string | null;
  /** Why this page cannot send to this instrument at the moment; null if it can. */
  obstacle(label: string): string | null;
  /** Tells a person what became of a command. */
  tell(sentence: string, isProblem: boolean): void;
}
