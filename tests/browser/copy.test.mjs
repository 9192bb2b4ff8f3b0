// @ts-check
/** The button that copies the code: also where browsers forbid pages the clipboard. */

import assert from 'node:assert/strict';
import { BARS } from './harness/material.mjs';
import { inEachBrowser } from './harness/scenario.mjs';

/**
 * Clicks #copy and pastes into #code-in, both as a person does. The page recognises its own code there.
 * @param {import('./harness/page.mjs').Page} page
 */
async function copiesItsCode(page) {
  const code = await page.code('offer');
  await page.tab.click('#copy');
  await page.until('the word Copied', () => document.querySelector('#copied')?.textContent === 'Copied');
  await page.tab.focus('#code-in');
  await page.tab.keyboard.down('Control');
  // Chromium without a window has no menu that would know the shortcut.
  await page.tab.keyboard.press('v', { commands: ['Paste'] });
  await page.tab.keyboard.up('Control');
  await page.sentence(/page’s own code/);
  assert.equal(await page.tab.$eval('#code-in', (box) => /** @type {HTMLTextAreaElement} */ (box).value), code);
}

inEachBrowser((scenario) => {
  scenario('copies in a page from a file', async ({ open }) => {
    await copiesItsCode(await open());
  });

  scenario('copies in a page that the bench serves, an insecure context', async ({ bench, open }) => {
    const p = await bench(BARS);
    const page = await open((await p.url()).replace(/#.*/, ''));
    assert.equal(await page.tab.evaluate(() => isSecureContext), false);
    await copiesItsCode(page);
  });
});
