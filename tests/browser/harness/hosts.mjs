// @ts-check
/** Test files whose bench and viewers are two hosts (lan.mjs). */

import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isInside, moveIn } from './lan.mjs';

/**
 * Makes the hosts and runs the test file once more as the viewer, where `inside` defines the tests.
 * @param {string} url of the file
 * @param {() => void | Promise<void>} inside
 */
export async function onTwoHosts(url, inside) {
  if (isInside) return inside();
  try {
    process.exitCode = await moveIn(fileURLToPath(url));
  } catch (error) {
    test('two hosts', () => {
      throw error;
    });
  }
}
