// @ts-check
/** Somebody who knows a code, announces one certificate and shows another one: gets nothing at all. */

import assert from 'node:assert/strict';
import { derived, readCode } from './harness/codes.mjs';
import { BARS_AND_TONE } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const INSTRUMENT = 'fdsrc fd=3 ! text/x-raw,format=utf8 ! p.data_0 p.data_src_0 ! fdsink fd=4';

/**
 * Connects by hand, as web/PROTOCOL.md says it, and notes all that comes.
 * @param {import('./harness/page.mjs').Page} page
 * @param {string} text the code
 * @param {'its own' | 'another'} announced whose certificate is announced
 */
function connectByHand(page, text, announced) {
  const { secret, fingerprint, port, addresses } = readCode(text);
  const bench = {
    ...derived(secret),
    fingerprint: [...fingerprint].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':'),
    candidate: `1 1 udp 2130706431 ${addresses[0]} ${port} typ host`,
  };
  return page.tab.evaluate(
    async ({ id, password, fingerprint, candidate }, isHonest) => {
      const world = /** @type {any} */ (window);
      /** @type {{received: string[], tracks: number, opened: boolean}} */
      const seen = (world.testSeen = { received: [], tracks: 0, opened: false });
      const make = () => RTCPeerConnection.generateCertificate(/** @type {any} */ ({ name: 'ECDSA', namedCurve: 'P-256' }));
      /** @param {RTCPeerConnection} connection */
      const offerOf = async (connection) => {
        const control = connection.createDataChannel('periscope', { negotiated: true, id: 0 });
        const offer = await connection.createOffer();
        return { control, offer, sdp: offer.sdp ?? '' };
      };
      /** @param {string} sdp */
      const hashOf = (sdp) => {
        const hex = /a=fingerprint:sha-256 (\S+)/.exec(sdp)?.[1] ?? '';
        return btoa(String.fromCharCode(...hex.split(':').map((byte) => parseInt(byte, 16)))).replace(/=+$/, '');
      };
      const pc = new RTCPeerConnection({ certificates: [await make()] });
      world.testConnection = pc;
      const own = await offerOf(pc);
      const elsewhere = new RTCPeerConnection({ certificates: [await make()] });
      const claimed = isHonest ? hashOf(own.sdp) : hashOf((await offerOf(elsewhere)).sdp);
      elsewhere.close();

      /** @param {RTCDataChannel} channel */
      const follow = (channel) => {
        channel.onmessage = ({ data }) => seen.received.push(String(data));
        channel.onopen = () => {
          seen.opened = true;
          try {
            if (channel === own.control) channel.send(JSON.stringify({ type: 'hello', version: 1, codecs: ['video/VP8', 'audio/opus'] }));
            channel.send('intruder');
          } catch {
            // The bench has closed it.
          }
        };
      };
      follow(own.control);
      // Channels that the bench never made: one where its own will be, and one that asks to be opened.
      if (!isHonest) {
        follow(pc.createDataChannel('data_0', { negotiated: true, id: 1, protocol: 'periscope.1' }));
        follow(pc.createDataChannel('data_0', { protocol: 'periscope.1' }));
      }
      pc.ondatachannel = ({ channel }) => {
        seen.received.push(`channel ${channel.label}`);
        follow(channel);
      };
      pc.ontrack = () => seen.tracks++;
      await pc.setLocalDescription(own.offer);
      const line = /^m=application.*$/m.exec(own.sdp)?.[0].trim() ?? '';
      const mid = /^a=mid:(\S+)/m.exec(own.sdp)?.[1] ?? '0';
      const lines = [
        'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=ice-lite', `a=group:BUNDLE ${mid}`, line, 'c=IN IP4 0.0.0.0',
        `a=mid:${mid}`, `a=ice-ufrag:${id}${claimed}`, `a=ice-pwd:${password}`, `a=fingerprint:sha-256 ${fingerprint}`,
        'a=setup:passive', 'a=sctp-port:5000', 'a=max-message-size:65536', `a=candidate:${candidate}`, 'a=end-of-candidates', '',
      ];
      await pc.setRemoteDescription({ type: 'answer', sdp: lines.join('\r\n') });
    },
    bench,
    announced === 'its own',
  );
}

/** @param {import('./harness/page.mjs').Page} page @returns {Promise<{received: string[], tracks: number, opened: boolean}>} */
const seenBy = (page) => page.tab.evaluate(() => /** @type {any} */ (window).testSeen);

inEachBrowser((scenario) => {
  scenario('who shows the certificate that was announced gets in, also by hand', async ({ bench, open }) => {
    const p = await bench(`${BARS_AND_TONE} ${INSTRUMENT}`);
    const page = await open();
    await connectByHand(page, await p.code(), 'its own');
    await p.peer('connected');
    await page.until('a welcome and an offer', () => {
      const { received } = /** @type {any} */ (window).testSeen;
      return ['"welcome"', '"offer"', 'channel data_0'].every((part) => received.some((/** @type {string} */ text) => text.includes(part)));
    });
  });

  for (const code of ['view', 'control']) {
    scenario(`who shows another certificate than was announced gets nothing (${code})`, async ({ bench, open }) => {
      const p = await bench(`${BARS_AND_TONE} ${INSTRUMENT}`);
      const text = await p.code(code);
      const viewer = await open(`${FILE_URL}#${await p.code('control')}`);
      await viewer.moreFrames();
      await viewer.instruments();

      const page = await open();
      await connectByHand(page, text, 'another');
      await p.stdout.line(/peer 2 closed: .*certificate/);
      p.feed('VOLT 3.300\n');
      await page.until('the end of the connection', () => {
        /** @type {RTCPeerConnection} */
        const connection = /** @type {any} */ (window).testConnection;
        return /disconnected|failed|closed/.test(connection.connectionState);
      });
      const { received, tracks } = await seenBy(page);
      assert.deepEqual({ received, tracks }, { received: [], tracks: 0 });
      assert.ok(!p.stdout.all.some((line) => /peer 2 connected/.test(line)));
      await page.close();

      await viewer.tab.bringToFront();
      await viewer.moreFrames();
      await viewer.logged(/^VOLT 3\.300$/);
      await viewer.command('*IDN?');
      // Nothing came before it.
      assert.equal((await p.output.take(5)).toString(), '*IDN?');
      await viewer.state('connected');
    });
  }
});
