// @ts-check
/** The instrument panel: what is shown and saved of what instruments say. */

import assert from 'node:assert/strict';
import { readCsv } from './harness/csv.mjs';
import { TEXT } from './harness/material.mjs';
import { withPipe } from './harness/pipe.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

const COUNT = 20_000;
const LENGTH = 24;

/** Messages of a fixed length, each unlike all others, with all that CSV must quote. */
const MESSAGES = Array.from({ length: COUNT }, (_, n) => {
  const odd = n % 50 === 7 ? `"a",${n}\r\n` : n % 50 === 8 ? `${n}\n"` : '';
  return `n=${String(n).padStart(7, '0')} ${odd}`.padEnd(LENGTH, '.');
});

/** The number of a series in the table. @param {import('./harness/page.mjs').Page} page @param {string} name @param {string} cell */
const shown = (page, name, cell) =>
  page.tab.$$eval(
    '#legend-body tr',
    (rows, wanted, which) => rows.find((row) => row.querySelector('.name')?.textContent === wanted)?.querySelector(`.${which}`)?.textContent ?? '',
    name,
    cell,
  );

/** Waits until a number is in the table. @param {import('./harness/page.mjs').Page} page @param {string} name @param {string} value */
const reads = (page, name, value) =>
  page.until(
    `${name} to be ${value}`,
    (wanted, text) =>
      [...document.querySelectorAll('#legend-body tr')].some(
        (row) => row.querySelector('.name')?.textContent === wanted && row.querySelector('.last')?.textContent === text,
      ),
    name,
    value,
  );

inEachBrowser((scenario) => {
  scenario('the CSV is what was sent, byte for byte, with the host’s time and without a gap', ({ bench, open }) =>
    withPipe(LENGTH, async ({ source, send, end }) => {
      const p = await bench(`${source} ! ${TEXT} ! p.data_0`);
      const page = await open(await p.url());
      await page.instruments();
      const before = Date.now() * 1000;
      await send(MESSAGES.join(''));
      await page.logged(new RegExp(`^n=${String(COUNT - 1).padStart(7, '0')}`));
      const after = Date.now() * 1000;
      const [head, ...rows] = readCsv(await page.saved('#export'));
      assert.deepEqual(head, ['time_us', 'time', 'label', 'sequence', 'text']);
      assert.equal(rows.length, COUNT);
      let last = 0;
      for (const [n, [time, iso, label, sequence, text]] of rows.entries()) {
        assert.equal(text, MESSAGES[n]);
        assert.equal(label, 'data_0');
        assert.equal(Number(sequence), n + 1);
        const microseconds = Number(time);
        assert.ok(microseconds >= before && microseconds <= after && microseconds >= last, `${before} … ${time} … ${after}`);
        assert.equal(`${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${String(microseconds % 1000).padStart(3, '0')}Z`, iso);
        last = microseconds;
      }
      assert.equal(await page.tab.$eval('#lost', (line) => line.textContent), '0');
      await end();
      await p.ended();
    }));

  scenario('numbers are found in lines, and their curve and extremes are shown', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0`);
    const page = await open(await p.url());
    await page.instruments();
    for (const value of ['20.5', '19.25', '22.75', '21']) {
      p.feed(`T=${value} C H=40\n`);
      await reads(page, 'T', value);
    }
    await page.until('the extremes', () => document.querySelector('#legend-body .max')?.textContent === '22.75');
    assert.deepEqual([await shown(page, 'T', 'min'), await shown(page, 'T', 'mean'), await shown(page, 'H', 'last')], ['19.25', '20.875', '40']);
    await page.until('a curve', () => {
      const canvas = /** @type {HTMLCanvasElement | null} */ (document.querySelector('#chart canvas'));
      const colour = getComputedStyle(document.documentElement).getPropertyValue('--curve-1').trim();
      const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      const data = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      let count = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && wanted.every((value, k) => Math.abs((data[i + k] ?? 0) - value) < 8)) count++;
      return count > 10;
    });
  });

  scenario('a paused log and a paused chart stand still', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0`);
    const page = await open(await p.url());
    await page.instruments();
    p.feed('T=1\n');
    await reads(page, 'T', '1');
    await page.press('#log-pause');
    await page.press('#chart-pause');
    p.feed('T=2\n');
    await page.until('the note', () => /1 more message/.test(document.querySelector('#log-note')?.textContent ?? ''));
    await page.until('the new value', () => document.querySelector('#legend-body .last')?.textContent === '2');
    assert.equal(await shown(page, 'T', 'max'), '1');
    assert.deepEqual(await page.tab.$$eval('#log .text', (lines) => lines.map((line) => line.textContent)), ['T=1']);
    await page.press('#log-pause');
    await page.logged(/^T=2$/);
  });

  scenario('a filter shows what fits, and all of it is there again without', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0`);
    const page = await open(await p.url());
    await page.instruments();
    for (const line of ['VOLT 1', 'AMP 2', 'VOLT 3']) {
      p.feed(`${line}\n`);
      await page.logged(new RegExp(line));
    }
    const filter = (/** @type {string} */ text) =>
      page.tab.$eval('#log-filter', (field, value) => {
        /** @type {HTMLInputElement} */ (field).value = value;
        field.dispatchEvent(new Event('input'));
      }, text);
    const rows = (/** @type {string[]} */ wanted) =>
      page.until(`the rows ${wanted}`, (lines) => [...document.querySelectorAll('#log .text')].map((row) => row.textContent).join() === lines, wanted.join());
    await filter('volt');
    await rows(['VOLT 1', 'VOLT 3']);
    await filter('/^A/');
    await rows(['AMP 2']);
    await filter('/(/');
    await page.until('the reason', () => /no regular expression/.test(document.querySelector('#log-note')?.textContent ?? ''));
    await rows(['VOLT 1', 'AMP 2', 'VOLT 3']);
  });

  scenario('however much is said, few rows are in the document, and the newest is in sight', ({ bench, open }) =>
    withPipe(LENGTH, async ({ source, send, end }) => {
      const p = await bench(`${source} ! ${TEXT} ! p.data_0`);
      const page = await open(await p.url());
      await page.instruments();
      await send(MESSAGES.join(''));
      await page.logged(new RegExp(`^n=${String(COUNT - 1).padStart(7, '0')}`));
      assert.ok((await page.tab.$$('#log .text')).length < 200);
      await page.tab.$eval('#log', (log) => (log.scrollTop = 0));
      await page.logged(/^n=0000000/);
      await end();
      await p.ended();
    }));

  scenario('a button of one’s own sends its command, escapes and all', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0 p.data_src_0 ! fdsink fd=4`);
    const page = await open(await p.url());
    await page.instruments();
    await page.press('#macro-edit');
    await page.tab.type('#macro-title', 'Identify');
    await page.tab.type('#macro-command', '*IDN?\\r\\n');
    await page.press('#macro-save');
    await page.press('#macro-close');
    await page.pressShown('#macro-buttons button');
    assert.equal((await p.output.take(7)).toString(), '*IDN?\r\n');
  });
});
