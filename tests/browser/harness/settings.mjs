// @ts-check
/** Where things are, and how long to wait. Everything can be set from the environment. */

import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);

/** @param {string} name @param {string} otherwise */
const setting = (name, otherwise) => process.env[name] || otherwise;

/** The directory that holds libgstperiscope.so. */
export const PLUGIN_DIRECTORY = setting('PERISCOPE_PLUGIN_DIRECTORY', fileURLToPath(new URL('target/debug', root)));

/** The page as a file. */
export const PAGE_FILE = setting('PERISCOPE_PAGE', fileURLToPath(new URL('web/dist/periscope.html', root)));

/** Screenshots and logs of what failed. */
export const ARTIFACTS = setting('PERISCOPE_ARTIFACTS', fileURLToPath(new URL('tests/browser/artifacts', root)));

/** @typedef {'chromium' | 'firefox'} Kind */

export const EXECUTABLES = {
  chromium: setting('PERISCOPE_CHROMIUM', '/usr/bin/chromium'),
  firefox: setting('PERISCOPE_FIREFOX', '/usr/bin/firefox-esr'),
};

/** @type {Kind[]} */
export const KINDS = /** @type {Kind[]} */ (
  setting('PERISCOPE_BROWSERS', 'chromium,firefox')
    .split(',')
    .filter((name) => name in EXECUTABLES)
);

/** How long any one event may take before the test fails, in milliseconds. Nothing waits that long if all is well. */
export const LIMIT = Number(setting('PERISCOPE_LIMIT', '30000'));
