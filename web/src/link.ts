/**
 * What to pass on so that another device comes to the same bench. Pure.
 */

import type { Home } from './ways';

/**
 * An address where there is a page to open: on the bench. A page from a file passes on the code alone. `origin` is
 * where this page came from, null for a file.
 */
export function linkTo(home: Home, origin: string | null): string {
  if (home.kind === 'whep') return `${home.address.base}/#${home.address.key}`;
  return origin === null ? home.text : `${reachable(origin, home)}/#${home.text}`;
}

/** Other devices have no use for the name by which this one calls itself. */
function reachable(origin: string, { code }: Extract<Home, { kind: 'code' }>): string {
  const url = new URL(origin);
  const isLoopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  const [address = ''] = code.addresses;
  if (!isLoopback || Number(url.port) !== code.port) return origin;
  return `${url.protocol}//${address.includes(':') ? `[${address}]` : address}:${code.port}`;
}
