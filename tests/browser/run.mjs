// @ts-check
/**
 * Runs the browser tests, one file after the other: two browsers and their encoders are load enough for a small machine.
 *
 *   node tests/browser/run.mjs [--slow] [part of a file's name …]
 */

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { run } from 'node:test';

// Not an import: its types are not those of all supported versions of Node.
const { spec: Spec } = createRequire(import.meta.url)('node:test/reporters');

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const slow = process.argv.includes('--slow');
const directory = new URL(slow ? 'slow/' : './', import.meta.url);
const files = readdirSync(directory)
  .filter((name) => name.endsWith(slow ? '.slow.mjs' : '.test.mjs'))
  .filter((name) => names.length === 0 || names.some((part) => name.includes(part)))
  .sort()
  .map((name) => fileURLToPath(new URL(name, directory)));

if (files.length === 0) {
  console.error(`no test file is called ${names.join(' or ')}`);
  process.exit(2);
}

const events = run({ files, concurrency: 1, timeout: Infinity });
events.on('test:fail', () => {
  process.exitCode = 1;
});
/** @type {any} */ (events).compose(new Spec()).pipe(process.stdout);
