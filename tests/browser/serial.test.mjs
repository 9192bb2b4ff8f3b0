// @ts-check
/** Instruments on real ttys, from their first byte to the page, and from a button of the page to the tty. */

import assert from 'node:assert/strict';
import { kill } from './harness/browsers.mjs';
import { readCsv } from './harness/csv.mjs';
import { port, withInstrument } from './harness/instrument.mjs';
import { FILE_URL } from './harness/page.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** @typedef {import('./harness/page.mjs').Page} Page */

/** Waits for what a widget of the panel shows. @param {Page} page @param {string} quantity @param {RegExp} pattern */
const widget = (page, quantity, pattern) =>
  page.until(
    `${quantity} to be like ${pattern}`,
    (name, source) => {
      const box = document.querySelector(`#widgets [data-quantity="${name}"]`);
      return new RegExp(source).test(box?.textContent ?? '') ? box?.textContent : '';
    },
    quantity,
    pattern.source,
  );

/** Presses a button of the panel with the mouse, and keeps it down. @param {Page} page @param {string} title */
async function press(page, title) {
  const button = await page.tab.$(`#widgets [data-title="${title}"] button`);
  assert.ok(button, title);
  await button.hover();
  await page.tab.mouse.down();
}

inEachBrowser((scenario, kind) => {
  scenario('a radio shows its frequency, and a button of its panel tunes it', ({ bench, open }) =>
    withInstrument('kx3', [], async (radio) => {
      const p = await bench(port(radio, 'profile=kx3'));
      const page = await open(await p.url());
      await page.instruments();
      await widget(page, 'frequency', /14\.0\d+/);
      await page.pressShown('#widgets [data-title="40 m"] button');
      await widget(page, 'frequency', /\D7\.\d+/);
      await page.control('holder');
    }));

  scenario('a button that is held transmits as long as it is held', ({ bench, open }) =>
    withInstrument('kx3', [], async (radio) => {
      const p = await bench(port(radio, 'profile=kx3'));
      const page = await open(await p.url());
      await page.instruments();
      await widget(page, 'frequency', /14\.0/);
      await press(page, 'PTT');
      await radio.says.line(/^transmit on/);
      await widget(page, 'transmitting', /transmitting/);
      await page.tab.mouse.up();
      await radio.says.line(/^transmit off/);
    }));

  scenario('a page that is killed while it transmits lets the radio receive', ({ bench, open, another }) =>
    withInstrument('kx3', [], async (radio) => {
      const p = await bench(port(radio, 'profile=kx3'));
      const browser = await another(kind);
      const page = await open(FILE_URL, browser);
      await page.enter(await p.code('control'));
      await page.instruments();
      await widget(page, 'frequency', /14\.0/);
      await press(page, 'PTT');
      await radio.says.line(/^transmit on/);
      await kill(browser);
      await radio.says.line(/^transmit off/);
      assert.match(await p.says('safe'), /not heard of|gone|lost/);
    }));

  scenario('an instrument that is unplugged is missed, and welcome when it is back', ({ bench, open }) =>
    withInstrument('scpi-multimeter', [], async (meter) => {
      const p = await bench(port(meter, 'profile=scpi-multimeter'));
      const page = await open(await p.url());
      await page.instruments();
      await page.logged(/^[+-]\d/);
      const state = (/** @type {string} */ pattern) =>
        page.until(`the state ${pattern}`, (wanted) => new RegExp(wanted).test(document.querySelector('#instrument-state')?.textContent ?? ''), pattern);
      await state('ready');
      meter.order('unplug');
      await state('waiting|unplugged|not there');
      const before = await page.tab.$$eval('#log .text', (lines) => lines.length);
      meter.order('plug');
      await state('ready');
      await page.until('more messages', (count) => document.querySelectorAll('#log .text').length > count, before);
    }));

  scenario('the CSV is what the instrument sent, byte for byte', ({ bench, open }) =>
    withInstrument('counter', ['--rate', '5000', '--count', '20000'], async (counter) => {
      // It begins to count when its port is opened: not before the page is there.
      counter.order('unplug');
      await counter.says.line(/^unplugged/);
      const p = await bench(port(counter));
      const page = await open(await p.url());
      await page.instruments();
      counter.order('plug');
      await page.logged(/^n=20000 /);
      const [, ...rows] = readCsv(await page.saved('#export'));
      await counter.end();
      const sent = (await counter.sent()).split('\n').slice(0, -1);
      assert.equal(sent.length, 20_000);
      assert.deepEqual(rows.map(([, , , , text]) => text), sent);
      assert.deepEqual(rows.map(([, , , sequence]) => Number(sequence)), sent.map((_, n) => n + 1));
    }));
});
