/**
 * “Scan”: reads a bench's QR code with this device's camera, where the browser lets the page use one.
 */

import decodeQR from 'qr/decode.js';
import { element } from './dom';

/** Not every browser has it, and TypeScript does not know it. */
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
declare const BarcodeDetector: (new (options: { formats: string[] }) => Detector) & { getSupportedFormats(): Promise<string[]> };

const EVERY = 150;
/** The longer side of what the decoder looks at: enough for a code that fills a third of it, and fast on a phone. */
const LOOKED_AT = 960;

const POINT = 'Point the camera at the QR code that the bench shows.';

export class Scanner {
  private readonly button = element<HTMLButtonElement>('scan');
  private readonly dialog = element<HTMLDialogElement>('scanner');
  private readonly video = element<HTMLVideoElement>('scan-view');
  private readonly help = element('scan-help');
  private readonly canvas = document.createElement('canvas');
  private camera: MediaStream | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `use` takes what was read; false if it is nothing that leads to a bench. */
  constructor(private readonly use: (text: string) => boolean) {
    // Browsers give cameras only to pages from https, from this computer, or from a file.
    this.button.hidden = typeof navigator.mediaDevices?.getUserMedia !== 'function';
    this.button.onclick = () => void this.open();
    element('scan-close').onclick = () => this.dialog.close();
    this.dialog.addEventListener('close', () => this.stop());
  }

  private async open(): Promise<void> {
    this.help.textContent = 'The browser asks whether this page may use the camera.';
    this.dialog.showModal();
    let camera: MediaStream;
    try {
      camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
    } catch (error) {
      this.help.textContent = trouble(error);
      return;
    }
    this.stop();
    if (!this.dialog.open) return camera.getTracks().forEach((track) => track.stop());
    this.camera = camera;
    this.help.textContent = POINT;
    this.video.srcObject = camera;
    this.video.play().catch(() => undefined);
    const detect = await detector();
    if (camera === this.camera) void this.look(camera, detect);
  }

  private async look(camera: MediaStream, detect: (canvas: HTMLCanvasElement) => Promise<string | null>): Promise<void> {
    const text = this.draw() ? await detect(this.canvas) : null;
    if (camera !== this.camera) return;
    if (text !== null && this.use(text)) return this.dialog.close();
    if (text !== null) this.help.textContent = 'This QR code is none of a bench.';
    this.timer = setTimeout(() => void this.look(camera, detect), EVERY);
  }

  private draw(): boolean {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth === 0) return false;
    const scale = Math.min(1, LOOKED_AT / Math.max(videoWidth, videoHeight));
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    this.canvas.getContext('2d', { willReadFrequently: true })?.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return true;
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.camera?.getTracks().forEach((track) => track.stop());
    this.camera = null;
    this.video.srcObject = null;
  }
}

/** The browser's own reader where it has one, else ours. */
async function detector(): Promise<(canvas: HTMLCanvasElement) => Promise<string | null>> {
  if (typeof BarcodeDetector === 'function' && (await BarcodeDetector.getSupportedFormats()).includes('qr_code')) {
    const reader = new BarcodeDetector({ formats: ['qr_code'] });
    return async (canvas) => (await reader.detect(canvas).catch(() => []))[0]?.rawValue ?? null;
  }
  return async (canvas) => {
    const image = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height);
    if (image === undefined) return null;
    try {
      return decodeQR(image);
    } catch {
      // No code in this picture.
      return null;
    }
  };
}

function trouble(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return 'The browser did not allow the camera. Allow it in the address bar, or paste the code instead.';
    case 'NotFoundError':
      return 'This device has no camera. Paste the code instead.';
    default:
      return 'The camera cannot be used at the moment; perhaps another program has it. Paste the code instead.';
  }
}
