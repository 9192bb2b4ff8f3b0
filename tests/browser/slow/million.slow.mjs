// @ts-check
/** A million messages of an instrument on a real tty: the page saves each of them, byte for byte. */

import assert from 'node:assert/strict';
import { port, withInstrument } from '../harness/instrument.mjs';
import { inEachBrowser } from '../harness/scenario.mjs';

const COUNT = 1_000_000;
/** Lines per second: about 2 Mbit/s. */
const RATE = 10_000;
const STEP = COUNT / 10;

inEachBrowser(
  (scenario) => {
    scenario('the CSV of a million messages is what the instrument sent', ({ bench, open }) =>
      withInstrument('counter', ['--rate', `${RATE}`, '--count', `${COUNT}`], async (counter) => {
        counter.order('unplug');
        await counter.says.line(/^unplugged/);
        const p = await bench(port(counter));
        const page = await open(await p.url());
        await page.instruments();
        counter.order('plug');
        for (let n = STEP; n <= COUNT; n += STEP) {
          await page.until(`message ${n}`, (wanted) => {
            const last = [...document.querySelectorAll('#log .text')].at(-1)?.textContent ?? '';
            return Number(/^n=(\d+)/.exec(last)?.[1]) >= wanted;
          }, n);
        }
        const saved = await page.saved('#export');
        await counter.end();
        const sent = (await counter.sent()).split('\n').slice(0, -1);
        const rows = saved.split('\r\n').slice(1, -1);
        assert.equal(sent.length, COUNT);
        assert.equal(rows.length, COUNT);
        for (const [n, row] of rows.entries()) {
          const [, , , sequence, text] = row.split(',');
          if (Number(sequence) !== n + 1 || text !== sent[n]) assert.fail(`row ${n + 1} is ${row}, sent was ${sent[n]}`);
        }
        assert.equal(await page.tab.$eval('#lost', (box) => box.textContent), '0');
      }));
  },
  { timeout: 10 * 60_000 },
);
