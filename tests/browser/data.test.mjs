// @ts-check
/** Messages between instruments at the bench and the page, in both directions and in all sizes. */

import assert from 'node:assert/strict';
import { BARS, TEXT } from './harness/material.mjs';
import { withPipe } from './harness/pipe.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/** Text of so many characters in which each place can be told from all others. @param {number} length */
const ruler = (length) => Array.from({ length: Math.ceil(length / 8) }, (_, i) => `${String(i * 8).padStart(7, '0')} `).join('').slice(0, length);

inEachBrowser((scenario) => {
  scenario('lines of an instrument appear in the log, in order', async ({ bench, open }) => {
    const p = await bench(`${BARS} fdsrc fd=3 ! ${TEXT} ! p.data_0`);
    const page = await open(await p.url());
    await page.moreFrames();
    for (const line of ['VOLT 3.300', 'VOLT 3.301 µV', 'VOLT 3.302']) {
      p.feed(`${line}\n`);
      await page.logged(new RegExp(`^${line}$`));
    }
    assert.deepEqual(await page.tab.$$eval('#log .text', (lines) => lines.map((line) => line.textContent)), [
      'VOLT 3.300',
      'VOLT 3.301 µV',
      'VOLT 3.302',
    ]);
  });

  scenario('bytes of an instrument appear in the log as hex', async ({ bench, open }) => {
    const p = await bench('fdsrc fd=3 ! application/octet-stream ! p.data_0');
    const page = await open(await p.url());
    await page.state('connected');
    await page.instruments();
    p.feed(Uint8Array.of(0x00, 0xff, 0x10));
    await page.logged(/^00 ff 10$/);
  });

  scenario('a command goes to the instrument, and its reply comes back', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0 p.data_src_0 ! fdsink fd=4`);
    const page = await open(await p.url());
    assert.match(await page.command('MEAS:VOLT? µ'), /Sent to data_0/);
    assert.equal((await p.output.take(13)).toString(), 'MEAS:VOLT? µ');
    p.feed('+3.3012E+00\n');
    await page.logged(/^\+3\.3012E\+00$/);
  });

  scenario('messages pass by a connection that was pasted, too', async ({ bench, open }) => {
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_0 p.data_src_0 ! fdsink fd=4`, { http: false });
    const page = await open();
    await page.enter(await p.offer());
    p.type(await page.code('answer'));
    assert.match(await page.command('*IDN?'), /Sent to data_0/);
    assert.equal((await p.output.take(5)).toString(), '*IDN?');
    p.feed('ACME,1\n');
    await page.logged(/^ACME,1$/);
  });

  scenario('a message of 200 KB from the page arrives whole', async ({ bench, open }) => {
    const p = await bench('p.data_src_0 ! fdsink fd=4');
    const page = await open(await p.url());
    const text = ruler(200_000);
    assert.match(await page.command(text), /Sent to data_0/);
    assert.equal((await p.output.take(text.length)).toString(), text);
    await page.command('next');
    assert.equal((await p.output.take(4)).toString(), 'next');
  });

  scenario('a message of 200 KB from the bench arrives whole', ({ bench, open }) =>
    withPipe(200_000, async ({ source, send, end }) => {
      const p = await bench(`${source} ! ${TEXT} ! p.data_0`);
      const page = await open(await p.url());
      await page.instruments();
      await send(ruler(200_000));
      const text = await page.logged(/200,000 characters/);
      assert.equal(text.slice(0, 4_000), ruler(4_000));
      await end();
      await p.ended();
    }));

  scenario('a message of more than 1 MiB from the page gets a sentence', async ({ bench, open }) => {
    const p = await bench('p.data_src_0 ! fdsink fd=4');
    const page = await open(await p.url());
    assert.match(await page.command('x'.repeat(1_048_577)), /Not sent.*1 MiB/);
    await page.command('next');
    assert.equal((await p.output.take(4)).toString(), 'next');
  });

  scenario('a message of more than 1 MiB from the bench gets a sentence', ({ bench, open }) =>
    withPipe(1_048_577, async ({ source, send, end }) => {
      const p = await bench(`${source} ! ${TEXT} ! p.data_0`);
      const page = await open(await p.url());
      await page.state('connected');
      await send('x'.repeat(1_048_577));
      assert.match(await p.says('error'), /data_0: a message of 1048577 bytes was not sent/);
      await page.state('connected');
      await end();
      await p.ended();
    }));

  scenario('each instrument has its own channel', async ({ bench, open }) => {
    // Two sinks that wait for their first message would wait for each other's.
    const sinks = 'p.data_src_0 ! fakesink async=false p.data_src_1 ! fdsink fd=4 async=false';
    const p = await bench(`fdsrc fd=3 ! ${TEXT} ! p.data_1 ${sinks}`);
    const page = await open(await p.url());
    await page.instruments();
    await page.tab.select('#channel', 'data_1');
    assert.match(await page.command('to the second'), /Sent to data_1/);
    assert.equal((await p.output.take(13)).toString(), 'to the second');
    p.feed('from the second\n');
    await page.logged(/^from the second$/);
  });
});
