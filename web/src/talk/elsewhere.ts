/**
 * Where the browser lends this page no microphone because it came by http: the same page by https, or from a file.
 */

import { copyFrom } from '../clipboard';
import { element } from '../dom';
import { download } from '../instruments/export';
import { NOT_SAVED } from './trouble';

const FILE = 'periscope.html';

/** The same bench by https: the same port takes both. Null where this page was not served. */
export function secureLink(link: string | null, location: Pick<Location, 'protocol' | 'host'>): string | null {
  if (location.protocol !== 'http:') return null;
  const from = link?.startsWith('http://') === true ? link : `http://${location.host}/`;
  return from.replace(/^http:/, 'https:');
}

export class Elsewhere {
  private readonly box = element('talk-elsewhere');
  private readonly secure = element<HTMLAnchorElement>('talk-https');
  private readonly pasted = element<HTMLInputElement>('talk-paste');

  constructor(private readonly say: (sentence: string) => void) {
    element('talk-save').onclick = () => void this.save();
    const copy = element<HTMLButtonElement>('talk-copy');
    copy.onclick = async () => {
      copy.textContent = (await copyFrom(this.pasted)) ? 'Copied' : 'Ctrl+C';
    };
  }

  /** `link`: what leads to this bench. */
  show(isShown: boolean, link: string | null): void {
    const secure = secureLink(link, location);
    this.box.hidden = !isShown || secure === null;
    if (secure !== null && this.secure.href !== secure) this.secure.href = secure;
    this.pasted.value = link ?? '';
    if (link === null) element('talk-carry').hidden = true;
  }

  /** As the bench serves it: what the page has become since belongs to this visit. */
  private async save(): Promise<void> {
    try {
      const answer = await fetch(`${location.origin}${location.pathname}`, { cache: 'force-cache' });
      if (!answer.ok) throw new Error(String(answer.status));
      download([await answer.blob()], FILE, 'text/html');
      element('talk-carry').hidden = this.pasted.value === '';
    } catch {
      this.say(NOT_SAVED);
    }
  }
}
