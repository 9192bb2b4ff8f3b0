// @ts-check
/** What can be asked of the benchmarks. All take all of it, so that `scripts/bench` can hand it to each. */

import { parseArgs } from 'node:util';

/** @typedef {import('../../tests/browser/harness/settings.mjs').Kind} Kind */

const PARTS = ['curve', 'many', 'profile', 'data', 'picture'];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    browsers: { type: 'string', default: 'chromium,firefox' },
    codecs: { type: 'string', default: 'h264,vp8' },
    cycles: { type: 'string' },
    minutes: { type: 'string' },
    parts: { type: 'string', default: PARTS.join(',') },
    rounds: { type: 'string' },
  },
});

/** Fewer of everything: to see that it works, not to compare. */
export const quick = values.quick;
/** A directory for the results. */
export const { json } = values;
export const browsers = /** @type {Kind[]} */ (values.browsers.split(','));
export const codecs = /** @type {('h264' | 'vp8')[]} */ (values.codecs.split(','));
export const cycles = Number(values.cycles ?? (quick ? 100 : 1000));
/** How long a steady tone is listened to. */
export const minutes = Number(values.minutes ?? (quick ? 0.5 : 10));
/** What of the comparison with others is run. */
export const parts = values.parts.split(',');
/** Nothing of it is left out. */
export const isWhole = PARTS.every((part) => parts.includes(part));
/** How often each of those that are compared has its turn. */
export const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
