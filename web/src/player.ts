/**
 * The picture: one video large in #view, the others as buttons below it.
 */

import type { Shown } from './age';
import type { Media } from './negotiation';
import type { Stream } from './control';
import { element } from './dom';

/** Nobody may ask for a while: out of sight, or without statistics. */
const MOST_SHOWN = 240;

export class Player {
  private readonly stage = element('stage');
  private readonly view = element<HTMLVideoElement>('view');
  private readonly placeholder = element('placeholder').querySelector('span')!;
  private readonly still = element<HTMLCanvasElement>('still');
  private readonly strip = element('streams');
  private readonly fullscreen = element<HTMLButtonElement>('fullscreen');
  private videos: Media[] = [];
  private names = new Map<string, string>();
  /** By name, since a new connection gives the same camera a new mid. */
  private chosen: string | null = null;
  private shown: Shown[] = [];

  constructor() {
    this.fullscreen.onclick = () => this.toggleFullscreen();
    this.view.ondblclick = () => this.toggleFullscreen();
    for (const event of ['emptied', 'resize']) this.view.addEventListener(event, () => this.render());
    this.view.addEventListener('loadeddata', () => {
      this.still.hidden = true;
      this.render();
    });
    const note = (_: number, { rtpTimestamp, expectedDisplayTime }: VideoFrameCallbackMetadata): void => {
      if (rtpTimestamp !== undefined && this.shown.length < MOST_SHOWN) this.shown.push({ rtp: rtpTimestamp, at: expectedDisplayTime });
      this.view.requestVideoFrameCallback(note);
    };
    this.view.requestVideoFrameCallback?.(note);
  }

  /** The video that is shown large. */
  get current(): Media | null {
    return this.videos.find((video) => this.nameOf(video) === this.chosen) ?? this.videos[0] ?? null;
  }

  /** The frames of the large video that were shown since this was asked before, in browsers that tell. */
  takeShown(): Shown[] {
    return this.shown.splice(0);
  }

  show(media: Media[], streams: Stream[]): void {
    this.videos = media.filter((m) => m.kind === 'video');
    this.names = new Map(streams.flatMap((s) => (s.mid === null ? [] : [[s.mid, s.name]])));
    this.fillStrip();
    this.showCurrent();
  }

  say(text: string): void {
    this.placeholder.textContent = text;
  }

  toggleFullscreen(): void {
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
    } else if (this.stage.requestFullscreen !== undefined) {
      this.stage.requestFullscreen().catch(() => undefined);
    } else {
      // Safari on a phone shows nothing but a video in full screen.
      (this.view as HTMLVideoElement & { webkitEnterFullscreen?: () => void }).webkitEnterFullscreen?.();
    }
  }

  private nameOf(video: Media): string {
    return this.names.get(video.mid) ?? video.mid;
  }

  private showCurrent(): void {
    const { current } = this;
    if (current !== null && this.view.srcObject !== current.stream) {
      this.view.srcObject = current.stream;
      this.view.muted = true;
      this.view.play().catch(() => undefined);
    }
    const name = current === null ? null : this.nameOf(current);
    for (const button of this.strip.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset['name'] === name));
    }
    this.render();
  }

  /** The connection is gone, perhaps for a moment: the last picture stays in sight, dimmed. */
  freeze(): void {
    const { videoWidth, videoHeight } = this.view;
    if (videoWidth > 0) {
      this.still.width = videoWidth;
      this.still.height = videoHeight;
      this.still.getContext('2d')?.drawImage(this.view, 0, 0);
      this.still.hidden = false;
    }
    this.view.srcObject = null;
  }

  clear(): void {
    this.videos = [];
    this.still.hidden = true;
    this.view.srcObject = null;
    this.fillStrip();
    this.render();
  }

  private fillStrip(): void {
    const wanted = this.videos.length > 1 ? this.videos : [];
    const present = new Map([...this.strip.querySelectorAll('button')].map((b) => [b.querySelector('video')!.srcObject, b]));
    this.strip.replaceChildren(
      ...wanted.map((video) => {
        // A button that stays keeps its video element: a new one would be black for a moment.
        const button = present.get(video.stream) ?? this.thumbnail(video);
        const name = this.nameOf(video);
        button.dataset['name'] = name;
        button.querySelector('span')!.textContent = name;
        return button;
      }),
    );
    for (const thumbnail of this.strip.querySelectorAll('video')) thumbnail.play().catch(() => undefined);
    this.strip.hidden = wanted.length === 0;
  }

  private thumbnail(video: Media): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    const picture = document.createElement('video');
    picture.muted = true;
    picture.playsInline = true;
    picture.setAttribute('aria-hidden', 'true');
    picture.srcObject = video.stream;
    button.append(picture, document.createElement('span'));
    button.onclick = () => {
      this.chosen = button.dataset['name'] ?? null;
      this.showCurrent();
    };
    return button;
  }

  private render(): void {
    this.stage.dataset['picture'] = this.view.readyState >= 2 && this.view.videoWidth > 0 ? 'yes' : 'no';
  }
}
