// @ts-check
/** Many watch, one controls: who may send commands, how control changes hands, and what happens when it is lost. */

import assert from 'node:assert/strict';
import { kill } from './harness/browsers.mjs';
import { TEXT } from './harness/material.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const RADIO = `fdsrc fd=3 ! ${TEXT} ! p.data_0 p.data_src_0 ! fdsink fd=4 async=false`;

/** Waits for the message that the instrument was told to stop. @param {import('./harness/page.mjs').Page} page */
const safe = (page) =>
  page.until('the message that the instrument was made safe', () => {
    const box = /** @type {HTMLElement} */ (document.querySelector('#safe'));
    return box.hidden ? '' : (box.textContent ?? '');
  });

inEachBrowser((scenario, kind) => {
  scenario('a command takes control where nobody has it', async ({ bench, open }) => {
    const p = await bench(RADIO);
    const page = await open(await p.url());
    await page.instruments();
    await page.control('none');
    await page.command('FA;');
    assert.equal((await p.output.take(3)).toString(), 'FA;');
    assert.match(await page.control('holder'), /You have control/);
  });

  scenario('a second viewer is refused, asks, is refused again, asks again and takes over', async ({ bench, open }) => {
    const p = await bench(RADIO, { settings: { 'control-timeout': 60_000 } });
    const url = await p.url();
    const first = await open(url);
    await first.instruments();
    await first.pressShown('#take');
    await first.control('holder');
    const second = await open(url);
    await second.instruments();
    assert.match(await second.control('other'), /Viewer \d+ has control/);

    await second.command('TX;');
    assert.match(await second.control('refused'), /did not get “TX;”: viewer \d+ has control/);
    await first.command('A;');
    assert.equal((await p.output.take(2)).toString(), 'A;', 'nothing of the second viewer came before');

    await second.pressShown('#take');
    await second.control('waiting');
    await first.until('the request', () => /asks for it/.test(document.querySelector('#control-state')?.textContent ?? ''));
    await first.pressShown('#keep');
    assert.match(await second.control('refused'), /request for control was refused/);

    await second.pressShown('#take');
    await second.control('waiting');
    await first.pressShown('#give');
    await second.control('holder');
    await first.control('other');
    await second.command('B;');
    assert.equal((await p.output.take(2)).toString(), 'B;');
  });

  scenario('a request that nobody answers takes control in time', async ({ bench, open }) => {
    const p = await bench(RADIO, { settings: { 'control-timeout': 500 } });
    const url = await p.url();
    const [first, second] = [await open(url), await open(url)];
    await first.instruments();
    await first.pressShown('#take');
    await first.control('holder');
    await second.instruments();
    await second.pressShown('#take');
    await second.control('holder');
    await first.control('other');
  });

  scenario('who lets go of control leaves it to others', async ({ bench, open }) => {
    const p = await bench(RADIO);
    const url = await p.url();
    const [first, second] = [await open(url), await open(url)];
    await first.instruments();
    await first.pressShown('#take');
    await first.control('holder');
    await second.control('other');
    await first.pressShown('#release');
    await second.control('none');
    await first.control('none');
  });

  scenario('who came to watch is told so and cannot ask', async ({ bench, open }) => {
    const p = await bench(RADIO);
    const page = await open(`${FILE_URL}#${await p.code()}`);
    await page.until('the reason', () => /You may watch/.test(document.querySelector('#command-note')?.textContent ?? ''));
    assert.match(await page.control('none'), /You may watch/);
    assert.equal(await page.tab.$eval('#take', (button) => /** @type {HTMLElement} */ (button).hidden), true);
    assert.equal(await page.tab.$eval('#command', (field) => /** @type {HTMLInputElement} */ (field).disabled), true);
  });

  scenario('a page that hangs loses control, and the others see why', async ({ bench, open }) => {
    const p = await bench(RADIO);
    const url = await p.url();
    const [first, second] = [await open(url), await open(url)];
    await first.instruments();
    await first.command('TX;');
    await first.control('holder');
    await second.control('other');
    // Its worker goes on all the while; the page itself does not.
    await first.tab.evaluate(() => {
      const until = performance.now() + 2_000;
      while (performance.now() < until);
    });
    assert.match(await safe(second), /told to stop/);
    await second.control('none');
  });

  scenario('a page that is killed while it controls loses control at once', async ({ bench, open, another }) => {
    const p = await bench(RADIO);
    const url = await p.url();
    const other = await another(kind);
    const first = await open(url, other);
    const second = await open(url);
    await first.instruments();
    await first.command('TX;');
    await first.control('holder');
    await second.control('other');
    const killed = performance.now();
    await kill(other);
    assert.match(await safe(second), /told to stop/);
    const after = performance.now() - killed;
    assert.ok(after < 3_000, `it took ${Math.round(after)} ms`);
    await second.control('none');
  });

  scenario('a page that controls keeps control while nobody touches it', async ({ bench, open }) => {
    const p = await bench(RADIO, { settings: { 'heartbeat-timeout': 600 } });
    const page = await open(await p.url());
    await page.instruments();
    await page.command('FA;');
    await page.control('holder');
    const since = p.stdout.count;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.equal(await page.tab.$eval('#control-state', (line) => line.getAttribute('data-state')), 'holder', p.stdout.all.slice(since).join('\n'));
    assert.equal(page.log.filter((line) => /Content.Security.Policy/i.test(line)).join('\n'), '');
  });
});
