// @ts-check
/** Codes as web/PROTOCOL.md has them: taken apart, changed and put together again. */

import { hkdfSync } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * @typedef {object} Code
 * @property {boolean} control
 * @property {Buffer} secret
 * @property {Buffer} fingerprint
 * @property {number} port
 * @property {string[]} addresses of IPv4
 * @property {Buffer} others the IPv6 addresses
 */

/** @param {string} text @returns {Code} */
export function readCode(text) {
  const bytes = Buffer.from(text, 'base64url');
  const first = bytes.readUInt8(0);
  const end = 51 + 4 * (first & 15);
  const addresses = [];
  for (let at = 51; at < end; at += 4) addresses.push(bytes.subarray(at, at + 4).join('.'));
  return {
    control: (first & 16) !== 0,
    secret: bytes.subarray(1, 17),
    fingerprint: bytes.subarray(17, 49),
    port: bytes.readUInt16BE(49),
    addresses,
    others: bytes.subarray(end),
  };
}

/** The same code but for what is given. @param {string} text @param {Partial<Code>} changes */
export function changedCode(text, changes) {
  const { control, secret, fingerprint, port, addresses, others } = { ...readCode(text), ...changes };
  return Buffer.concat([
    Buffer.of(0x20 | (control ? 16 : 0) | addresses.length),
    secret,
    fingerprint,
    Buffer.of(port >> 8, port & 255),
    ...addresses.map((address) => Buffer.from(address.split('.').map(Number))),
    others,
  ]).toString('base64url');
}

/** With one bit changed. @param {Buffer} bytes */
export function spoilt(bytes) {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(0) ^ 1, 0);
  return copy;
}

/** What both sides derive from the secret. @param {Buffer} secret */
export function derived(secret) {
  /** @param {string} what @param {number} length */
  const derive = (what, length) => Buffer.from(hkdfSync('sha256', secret, '', `periscope/1 ${what}`, length)).toString('base64');
  return { id: derive('id', 3), password: derive('pwd', 24) };
}

/** The local addresses of all UDP sockets of a process, as `/proc` writes them. @param {number} pid @returns {string[]} */
export function udpSockets(pid) {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        // Closed meanwhile.
        return undefined;
      }
    }),
  );
  return ['udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9]))
      .map((fields) => fields[1] ?? ''),
  );
}
