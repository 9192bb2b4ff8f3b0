// @ts-check
/** The bench's identity and what is printed of it: codes that stay, lists of them, and labels. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { derived, readCode } from './harness/codes.mjs';
import { BARS, seesBars } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** @param {(directory: string) => Promise<void>} use */
async function withDirectory(use) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const lanAddress = () =>
  Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry && entry.family === 'IPv4' && !entry.internal)?.address ?? '127.0.0.1';

/**
 * What the QR code in a picture says: drawn by the browser, read by the decoder that the page has, too.
 * @param {import('./harness/page.mjs').Page} page
 * @param {string} url a `data:` address
 */
async function readQr(page, url) {
  const { width, height, base64 } = await page.tab.evaluate(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement('canvas');
    const scale = 600 / image.width;
    canvas.width = 600;
    canvas.height = Math.round(image.height * scale);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    let bytes = '';
    for (let i = 0; i < data.length; i += 4) bytes += String.fromCharCode(data[i] ?? 0);
    return { width: canvas.width, height: canvas.height, base64: btoa(bytes) };
  }, url);
  const grey = Buffer.from(base64, 'base64');
  const data = new Uint8Array(grey.length * 4);
  grey.forEach((value, i) => data.set([value, value, value, 255], 4 * i));
  const decoder = new URL('../../web/node_modules/qr/decode.js', import.meta.url).href;
  return (await import(decoder)).decodeQR({ width, height, data }, { timeLimit: 5_000 });
}

inEachBrowser(
  (scenario) => {
    scenario('a bench that keeps its identity prints the same code after a restart', ({ bench }) =>
      withDirectory(async (directory) => {
        const identity = join(directory, 'identity.json');
        const first = await bench(BARS, { settings: { identity } });
        const { port } = readCode(await first.code());
        const codes = [await first.code(), await first.code('control')];
        await first.kill();
        const second = await bench(BARS, { settings: { identity, port } });
        assert.deepEqual([await second.code(), await second.code('control')], codes);
        assert.equal((await second.codes()).length, 2);
      }));

    scenario('a revoked code stays revoked after a restart, and a code for once stays', ({ bench }) =>
      withDirectory(async (directory) => {
        const identity = join(directory, 'identity.json');
        const first = await bench(BARS, { settings: { identity } });
        const { port } = readCode(await first.code());
        const once = await first.code('once');
        first.type(`revoke ${await first.code()}`);
        await first.says('revoked');
        await first.kill();
        const second = await bench(BARS, { settings: { identity, port } });
        assert.notEqual(await second.code(), await first.code());
        const codes = await second.codes();
        assert.equal(codes.length, 2, codes.join('; '));
        assert.ok(codes.some((line) => line.endsWith(once)), codes.join('; '));
      }));

    scenario('a broken identity is set aside with words, and the bench works with a new one', ({ bench, open }) =>
      withDirectory(async (directory) => {
        const identity = join(directory, 'identity.json');
        const first = await bench(BARS, { settings: { identity } });
        const before = readCode(await first.code());
        await first.stop();
        const whole = await readFile(identity, 'utf8');
        await writeFile(identity, whole.slice(0, whole.length / 2));
        const second = await bench(BARS, { settings: { identity } });
        assert.match(await second.says('error'), /could not be read .*set aside as .*codes that were given out before no longer work/);
        assert.notDeepEqual(readCode(await second.code()).fingerprint, before.fingerprint);
        const [aside = ''] = (await readdir(directory)).filter((name) => name.includes('.broken-'));
        assert.equal(await readFile(join(directory, aside), 'utf8'), whole.slice(0, whole.length / 2));
        await seesBars(await open(`${FILE_URL}#${await second.code()}`));
        // Once is enough.
        const { port } = readCode(await second.code());
        await second.stop();
        const third = await bench(BARS, { settings: { identity, port } });
        assert.equal(await third.code(), await second.code());
        assert.ok(!third.stdout.all.some((line) => line.includes('periscope: error')), third.stdout.text);
      }));

    scenario('without an identity each start has another code', async ({ bench }) => {
      const one = readCode(await (await bench(BARS)).code());
      const other = readCode(await (await bench(BARS)).code());
      assert.notDeepEqual(one.secret, other.secret);
      assert.notDeepEqual(one.fingerprint, other.fingerprint);
    });

    scenario('a code with one IPv4 address has 74 characters', async ({ bench, open }) => {
      const p = await bench(BARS, { settings: { address: lanAddress() } });
      const code = await p.code();
      assert.equal(code.length, 74);
      assert.deepEqual(readCode(code).addresses, [lanAddress()]);
      await seesBars(await open(`${FILE_URL}#${code}`));
    });

    scenario('the console lists all codes with what they are good for', async ({ bench }) => {
      const p = await bench(BARS);
      const codes = [await p.code(), await p.code('control'), await p.code('once'), await p.code('control 8h')];
      assert.equal(await p.code('view'), codes[0]);
      const ids = codes.map((code) => derived(readCode(code).secret).id);
      assert.deepEqual(await p.codes(), [
        `${ids[0]} view is valid until it is revoked: ${codes[0]}`,
        `${ids[1]} control is for control: ${codes[1]}`,
        `${ids[2]} view lets in one viewer: ${codes[2]}`,
        `${ids[3]} control is for control, is valid for 8 h: ${codes[3]}`,
      ]);
    });

    for (const [kind, type] of Object.entries({ svg: 'image/svg+xml', png: 'image/png' })) {
      scenario(`a label as ${kind} leads to the bench, and is not written over`, ({ bench, open }) =>
        withDirectory(async (directory) => {
          const file = join(directory, `label.${kind}`);
          const p = await bench(BARS);
          p.type(`qr ${file}`);
          assert.equal(await p.says('label'), file);
          const page = await open();
          const content = await readQr(page, `data:${type};base64,${await readFile(file, 'base64')}`);
          assert.equal(content, (await p.url()).replace(/#.*/, `#${await p.code()}`));
          await seesBars(await open(content));
          p.type(`qr ${file}`);
          assert.match(await p.says('error'), /is there already/);
        }));
    }

    scenario('a label of a bench without a page holds the code alone', ({ bench, open }) =>
      withDirectory(async (directory) => {
        const file = join(directory, 'label.png');
        const p = await bench(BARS, { http: false });
        p.type(`qr control ${file}`);
        await p.says('label');
        const content = await readQr(await open(), `data:image/png;base64,${await readFile(file, 'base64')}`);
        assert.equal(content, await p.code('control'));
      }));
  },
  { kinds: ['chromium'] },
);
