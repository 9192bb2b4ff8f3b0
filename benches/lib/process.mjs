// @ts-check
/** What a process costs, as Linux counts it. */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Linux tells times to user space in hundredths of a second. */
const TICKS = 100;

/** Seconds of processor time up to now. @param {number} pid */
export async function cpuTime(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may hold blanks and brackets; utime and stime are the 12th and 13th behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Seconds that all processors together had to do, and had at all. */
export async function machineTime() {
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, interrupts = 0, soft = 0, stolen = 0] = (await readFile('/proc/stat', 'utf8'))
    .split('\n', 1)
    .flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number));
  const busy = user + nice + system + interrupts + soft + stolen;
  return { busy: busy / TICKS, all: (busy + idle + wait) / TICKS };
}

/** @param {number} pid */
export async function holdings(pid) {
  const memory = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (/** @type {string} */ name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? NaN);
  return {
    threads: (await readdir(`/proc/${pid}/task`)).length,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    rss: kilobytes('Rss') / 1024,
    pss: kilobytes('Pss') / 1024,
  };
}

/** UDP datagrams that this machine dropped because a socket was full: on the way in, on the way out. */
export async function udpDrops() {
  const [names = [], values = []] = (await readFile('/proc/net/snmp', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  const value = (/** @type {string} */ name) => Number(values[names.indexOf(name)] ?? NaN);
  return { received: value('RcvbufErrors'), sent: value('SndbufErrors') };
}

/** System calls per second; not a number where perf is missing or may not look. @param {number} pid @param {number} seconds */
export async function systemCalls(pid, seconds) {
  const parameters = ['stat', '-x', ';', '-e', 'raw_syscalls:sys_enter', '-p', String(pid), '--', 'sleep', String(seconds)];
  try {
    const { stderr } = await promisify(execFile)('perf', parameters);
    return Number(/^(\d+);/m.exec(stderr)?.[1] ?? NaN) / seconds;
  } catch {
    return NaN;
  }
}
