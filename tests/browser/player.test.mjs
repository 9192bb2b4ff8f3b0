// @ts-check
/** Players that are not ours: a page that knows nothing but WHEP (POST an offer, take the answer). */

import assert from 'node:assert/strict';
import { BARS } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const PAGE = 'data:text/html,<video id=view autoplay muted playsinline></video>';

/** What makes browsers show pictures at once, and tell when packets arrived. */
const EXTENSIONS = [
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
];

inEachBrowser((scenario) => {
  scenario('a WHEP player gets pictures, with all that makes them come at once', async ({ bench, open }) => {
    const p = await bench(BARS);
    const { origin, hash } = new URL(await p.url());
    const page = await open(PAGE);
    const offer = await page.tab.evaluate(async () => {
      const connection = new RTCPeerConnection();
      /** @type {any} */ (window).connection = connection;
      connection.ontrack = ({ track }) => {
        const view = /** @type {HTMLVideoElement} */ (document.querySelector('#view'));
        view.srcObject = new MediaStream([track]);
      };
      connection.addTransceiver('video', { direction: 'recvonly' });
      await connection.setLocalDescription();
      while (connection.iceGatheringState !== 'complete') {
        await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, { once: true }));
      }
      return connection.localDescription?.sdp ?? '';
    });
    const reply = await fetch(`${origin}/whep`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${hash.slice(1)}` },
      body: offer,
    });
    assert.equal(reply.status, 201);
    const answer = await reply.text();
    for (const extension of EXTENSIONS) {
      if (offer.includes(extension)) assert.ok(answer.includes(extension), `${extension} is not in the answer:\n${answer}`);
    }
    await page.tab.evaluate((sdp) => /** @type {any} */ (window).connection.setRemoteDescription({ type: 'answer', sdp }), answer);
    await page.moreFrames();
  });
});
