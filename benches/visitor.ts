/**
 * A viewer without a page, for churn.mjs: the page's own connection by code, and the first picture of what comes.
 */

import { answerOf, benchOf } from '../web/src/bench';
import { findCode } from '../web/src/code';
import { Connection } from '../web/src/connection';
import { fingerprintOf } from '../web/src/sdp';

/** With a good-bye on the control channel, without one, or not at all: whoever ends the browser ends the connection. */
export type Leaving = 'bye' | 'close' | 'stay';

const COME_UP = 10_000;
const SHOW = 10_000;

const view = document.createElement('video');
view.muted = true;
document.body.append(view);
/** Those that stay, so that nobody collects them. */
const staying: Connection[] = [];

/** Resolves when a picture has been shown and the viewer has left as it should. */
async function visit(text: string, leaving: Leaving): Promise<void> {
  const found = findCode(text);
  if (found === null) throw new Error('this is no code');
  // Like one who was never here before.
  const certificate = await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as EcKeyGenParams);

  let connection: Connection | undefined;
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no picture came')), SHOW);
    const show = (): void => {
      const video = connection?.media.find(({ kind }) => kind === 'video');
      if (video === undefined || view.srcObject === video.stream) return;
      view.srcObject = video.stream;
      view.requestVideoFrameCallback(() => {
        clearTimeout(late);
        resolve();
      });
      void view.play();
    };
    connection = new Connection(certificate, {
      onUp: show,
      onChange: show,
      onDown: (cause) => reject(new Error(`the connection ended: ${cause.kind}`)),
      onData: () => undefined,
      onRemark: (remark) => reject(new Error(`the bench says: ${remark}`)),
      onVerdict: () => undefined,
      onQuiet: () => undefined,
    });
    connection
      .meet((offer) => {
        const own = fingerprintOf(offer);
        if (own === null) throw new Error('the browser’s offer has no SHA-256 fingerprint');
        return answerOf(benchOf(found.code, own), offer);
      }, COME_UP)
      .catch(reject);
  }).finally(() => {
    view.srcObject = null;
  });

  if (connection === undefined) return;
  if (leaving === 'bye') connection.close('the visit is over');
  else if (leaving === 'close') connection.pc.close();
  else staying.push(connection);
}

Object.assign(window, { visit });
