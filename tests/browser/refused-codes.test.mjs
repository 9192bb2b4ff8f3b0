// @ts-check
/** Codes that do not count, or not any more: nobody gets anything for them, and the page says what to do. */

import assert from 'node:assert/strict';
import { changedCode, derived, readCode, spoilt } from './harness/codes.mjs';
import { BARS, seesBars } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** @param {string} code */
const idOf = (code) => derived(readCode(code).secret).id;

/** Waits until the bench does not list a code any more. @param {import('./harness/bench.mjs').Bench} bench @param {string} code */
const isGone = (bench, code) => bench.lists('codes', (lines) => !lines.some((line) => line.startsWith(idOf(code))));

/** @param {import('./harness/page.mjs').Page} page */
async function getsNothing(page) {
  await page.frames();
  await page.state('failed');
  await page.sentence(/No answer from the bench.*revoked, used up or has expired/);
  assert.equal(await page.frames(), 0);
}

inEachBrowser((scenario) => {
  scenario('a code with another secret gets no answer, and a viewer keeps its picture', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code();
    const viewer = await open(`${FILE_URL}#${code}`);
    await viewer.moreFrames();
    const page = await open(`${FILE_URL}#${changedCode(code, { secret: spoilt(readCode(code).secret) })}`);
    await getsNothing(page);
    assert.match((await p.peers()).join(), /^1 connected/);
    await page.close();
    await viewer.tab.bringToFront();
    await viewer.moreFrames();
    await viewer.state('connected');
  });

  scenario('the page refuses a bench that has another certificate than the code says', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code();
    const page = await open(`${FILE_URL}#${changedCode(code, { fingerprint: spoilt(readCode(code).fingerprint) })}`);
    await page.frames();
    await page.state('failed');
    await page.sentence(/not the one that made this code: its certificate is another one/);
    assert.equal(await page.frames(), 0);
    await p.peer('closed');
    assert.ok(!p.stdout.all.some((line) => /peer \d+ connected/.test(line)));
  });

  scenario('a code that has expired lets nobody in, and who is in stays', async ({ bench, open }) => {
    const p = await bench(BARS);
    const viewer = await open(`${FILE_URL}#${await p.code()}`);
    await viewer.moreFrames();
    const code = await p.code('1s');
    await isGone(p, code);
    const page = await open(`${FILE_URL}#${code}`);
    await getsNothing(page);
    await page.close();
    await viewer.tab.bringToFront();
    await viewer.moreFrames();
    assert.match((await p.peers()).join(), /^1 connected/);
  });

  scenario('the code of the start expires where code-lifetime says so, and who came by it stays', async ({ bench, open }) => {
    const p = await bench(BARS, { settings: { 'code-lifetime': 5 } });
    const code = await p.code();
    const viewer = await open(`${FILE_URL}#${code}`);
    await viewer.moreFrames();
    await isGone(p, code);
    const page = await open(`${FILE_URL}#${code}`);
    await getsNothing(page);
    await page.close();
    await viewer.tab.bringToFront();
    await viewer.moreFrames();
    await viewer.state('connected');
  });

  scenario('revoking a code ends who came by it, with words, and nobody else', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code();
    const other = await open(`${FILE_URL}#${await p.code('control')}`);
    await other.moreFrames();
    const page = await open(`${FILE_URL}#${code}`);
    await page.moreFrames();
    p.type(`revoke ${idOf(code)}`);
    assert.equal(await p.says('revoked'), idOf(code));
    assert.equal(await p.peer('closed'), 2);
    await page.state('failed');
    await page.sentence(/The bench ended the session: its code was revoked\./);
    await page.close();
    const newcomer = await open(`${FILE_URL}#${code}`);
    await getsNothing(newcomer);
    await newcomer.close();
    assert.match((await p.peers()).join(), /^1 connected/);
    await other.tab.bringToFront();
    await other.moreFrames();
    // The next code is another one, and works.
    const fresh = await p.code('view');
    assert.notEqual(idOf(fresh), idOf(code));
    await seesBars(await open(`${FILE_URL}#${fresh}`));
  });

  scenario('a code is revoked by its text, too; one that is not there gets words', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code();
    const page = await open(`${FILE_URL}#${code}`);
    await page.moreFrames();
    p.type('revoke zzzz');
    assert.match(await p.says('error'), /there is no code “zzzz”/);
    await page.moreFrames();
    p.type(`revoke ${code}`);
    await page.state('failed');
    await page.sentence(/its code was revoked/);
    assert.deepEqual(await p.codes(), ['there are none: type “code”']);
  });

  scenario('a code for once lets in one viewer and no second one', async ({ bench, open }) => {
    const p = await bench(BARS);
    const code = await p.code('once');
    const first = await open(`${FILE_URL}#${code}`);
    await first.moreFrames();
    assert.ok((await p.codes()).some((line) => line.startsWith(idOf(code)) && line.includes('belongs to the viewer who has come by it')));
    const second = await open(`${FILE_URL}#${code}`);
    await getsNothing(second);
    await second.close();
    await first.tab.bringToFront();
    await first.moreFrames();
    assert.match((await p.peers()).join(), /^1 connected/);
  });

  scenario('of several who come at the same time by a code for once, one gets in', async ({ bench, open }) => {
    const p = await bench(BARS, { settings: { 'code-once': 'true' } });
    const code = await p.code();
    const pages = await Promise.all([1, 2, 3].map(() => open()));
    await Promise.all(pages.map((page) => page.paste(code)));
    await p.peer('connected');
    await Promise.all(pages.map((page) => page.until('an end of the attempt', () =>
      /connected|failed/.test(document.querySelector('#status')?.getAttribute('data-state') ?? ''))));
    const states = await Promise.all(pages.map(async (page) => (await page.status()).state));
    assert.deepEqual(states.sort(), ['connected', 'failed', 'failed']);
    await p.viewers(1);
    assert.equal(p.stdout.all.filter((line) => /peer \d+ connected/.test(line)).length, 1);
  });

  scenario('a bench that is full says on its console that somebody was turned away', async ({ bench, open }) => {
    const p = await bench(BARS, { settings: { 'max-peers': 1 } });
    const url = `${FILE_URL}#${await p.code()}`;
    const first = await open(url);
    await first.moreFrames();
    const second = await open(url);
    assert.match(await p.says('error'), /a viewer was turned away: 1 viewers are there already.*max-peers/);
    await second.state('failed');
    // There is room now, and it comes by itself.
    await first.close();
    await second.state('connected');
    await second.moreFrames();
  });
});
