// @ts-check
/**
 * Two hosts on this machine: network namespaces with cables between them. The bench runs in the one; the test and its
 * browsers are the other, because a browser is driven by sockets of its own host.
 *
 * The file that a runner starts calls `moveIn`, which makes both hosts and runs the file once more, as the viewer. What
 * takes the hosts away again waits for the end of a pipe: it comes however the test ends.
 */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Lines } from './lines.mjs';
import { ARTIFACTS, LIMIT } from './settings.mjs';

const run = promisify(execFile);

/** What the one process tells the other: the namespace of the bench. */
const BENCH_HOST = process.env.PERISCOPE_LAN_BENCH;

/** Whether this process is the viewer's host already. */
export const isInside = BENCH_HOST !== undefined;

/** The port of multicast DNS. */
const MDNS = 5353;
export const PORT = 8080;

/** Nobody has this address: a way out that browsers want to see before they look for their own address. */
const GATEWAY = 254;

// ---- Making the hosts ------------------------------------------------------------------------------------------

/**
 * Makes the hosts `$1` (bench) and `$2` (viewer), says so, and at the end of its input ends whatever runs in them, and
 * takes them away with the folder `$3`. The folder `$4` is the user's again, `$5`, who did not start this as root.
 */
const HOSTS = `
set -e
trap '' INT TERM HUP
end() {
    for host in "$1" "$2"; do
        ip netns pids "$host" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
        ip netns del "$host" 2>/dev/null || true
    done
    rm -rf "$3"
    [ "$5" = 0:0 ] || [ ! -d "$4" ] || chown -R "$5" "$4"
}
trap 'end "$@"' EXIT
nft --version >/dev/null
for host in "$1" "$2"; do
    ip netns add "$host"
    ip -n "$host" link set lo up
    # A cable that is plugged in again finds its IPv6 address as it was.
    ip netns exec "$host" sysctl -qw net.ipv6.conf.default.keep_addr_on_down=1 net.ipv6.conf.all.keep_addr_on_down=1
done
echo ready
cat >/dev/null
`;

/** Runs a file of tests on the viewer's host; gives its exit code. @param {string} file */
export async function moveIn(file) {
  const [bench, viewer] = [`periscope-${process.pid}-bench`, `periscope-${process.pid}-viewer`];
  // Firefox does not run as root in somebody else's home.
  const home = await mkdtemp(join(tmpdir(), 'periscope-lan-'));
  const owner = `${process.getuid?.()}:${process.getgid?.()}`;
  const hosts = spawn(...asRoot(['sh', '-c', HOSTS, 'sh', bench, viewer, home, ARTIFACTS, owner]), {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl+C is for the test; this here comes after it.
    detached: true,
  });
  hosts.stdin.on('error', () => {});
  const gone = new Promise((resolve) => hosts.once('exit', resolve));
  const complaint = new Lines(hosts.stderr, 'what makes the hosts');
  try {
    await Promise.race([new Lines(hosts.stdout, 'what makes the hosts').line(/^ready$/), refused(hosts)]);
  } catch (error) {
    hosts.stdin.end();
    await rm(home, { recursive: true, force: true });
    throw new Error(
      'these tests need two network namespaces, which this machine does not give. They take root, or sudo that asks for ' +
        'no password, the right to make namespaces (in a container: --privileged), and the packages iproute2 and ' +
        `nftables. It said: ${complaint.text || (error instanceof Error ? error.message : error)}`,
    );
  }
  try {
    const inside = spawn(
      ...asRoot(['ip', 'netns', 'exec', viewer, process.execPath, ...process.execArgv, file, ...process.argv.slice(2)]),
      { stdio: 'inherit', env: { ...process.env, PERISCOPE_LAN_BENCH: bench, HOME: home, TMPDIR: home } },
    );
    const [code] = await once(inside, 'exit');
    return /** @type {number | null} */ (code) ?? 1;
  } finally {
    hosts.stdin.end();
    await gone;
  }
}

/** @param {string[]} command @returns {[string, string[]]} */
function asRoot(command) {
  const [program = '', ...rest] = process.getuid?.() === 0 ? command : ['sudo', '-n', '--preserve-env', ...command];
  return [program, rest];
}

/** @param {import('node:child_process').ChildProcess} process @returns {Promise<never>} */
async function refused(process) {
  const [error] = await once(process, 'error');
  throw error;
}

// ---- Cables ----------------------------------------------------------------------------------------------------

/** @param {string} program @param {string[]} words */
const out = async (program, ...words) => (await run(program, words.flatMap((word) => word.split(' ')))).stdout;

/** On the bench's host. @param {string} program @param {string[]} words */
const there = (program, ...words) => out('ip', 'netns exec', BENCH_HOST ?? '', program, ...words);

/** @typedef {'bench' | 'viewer'} Host */
/** @typedef {4 | 6} Family */

/** A network between bench and viewer: a cable with an interface of one name at both ends. */
class Cable {
  /** What each host is called in this network. @type {Record<Host, number>} */
  #hosts = { bench: 1, viewer: 2 };

  /** @param {number} number @param {Family[]} families */
  constructor(number, families) {
    this.number = number;
    this.families = families;
    this.name = `lan${number}`;
  }

  /** @param {Host} host @param {Family} [family] */
  address(host, family = this.families[0] ?? 4) {
    return this.#addressOf(this.#hosts[host], family);
  }

  /** @param {number} host @param {Family} family */
  #addressOf(host, family) {
    return family === 4 ? `10.77.${this.number}.${host}` : `fd77:0:0:${this.number}::${host}`;
  }

  async lay() {
    await out('ip', `link add ${this.name} type veth peer name ${this.name} netns ${BENCH_HOST}`);
    for (const host of /** @type {const} */ (['bench', 'viewer'])) {
      for (const family of this.families) await this.#ip(host, `address add ${this.#own(host, family)}`);
      await this.#ip(host, `link set ${this.name} up`);
      await this.#addRoutes(host);
    }
  }

  /** The host has another address from now on, and not the old one any more. @param {Host} host */
  async move(host) {
    // Not the other way round: with the first address of a network Linux takes away the later ones.
    for (const family of this.families) await this.#ip(host, `address delete ${this.#own(host, family)}`);
    this.#hosts[host] += 10;
    for (const family of this.families) await this.#ip(host, `address add ${this.#own(host, family)}`);
    await this.#addRoutes(host);
  }

  /** The viewer sees that its cable leads nowhere any more. */
  async pull() {
    await this.#ip('bench', `link set ${this.name} down`);
  }

  async plug() {
    await this.#ip('bench', `link set ${this.name} up`);
    await this.#addRoutes('bench');
  }

  /**
   * To one UDP port of the viewer's the bench's cable is narrow from now on, with a queue in front of it.
   * @param {number} port
   * @param {{megabits: number, buffer: number}} path and for how many milliseconds a packet may have to wait
   */
  async narrow(port, { megabits, buffer }) {
    const bytes = Math.round((megabits * 1000 * buffer) / 8);
    await there('tc', `qdisc replace dev ${this.name} root handle 1: htb default 10`);
    await there('tc', `class add dev ${this.name} parent 1: classid 1:10 htb rate 10gbit quantum 60000`);
    await there('tc', `class add dev ${this.name} parent 1: classid 1:30 htb rate ${megabits}mbit burst 1600 cburst 1600`);
    await there('tc', `qdisc add dev ${this.name} parent 1:30 handle 30: bfifo limit ${bytes}`);
    await there('nft', 'add table inet narrow');
    await there('nft', 'add chain inet narrow out { type filter hook output priority 0 ; }');
    await there('nft', `add rule inet narrow out oifname ${this.name} udp dport ${port} meta priority set 1:30`);
  }

  /** It is as wide as it was. */
  async widen() {
    await there('nft', 'delete table inet narrow');
    await there('tc', `qdisc delete dev ${this.name} root`);
  }

  /** The viewer has no address in this network. */
  async unplugFromViewer() {
    await out('ip', `address flush dev ${this.name}`);
  }

  /** The bench's host would send from an address of the other network, unless a program says from which. @param {Cable} other */
  async preferSourceOf(other) {
    await there('ip', `route replace 10.77.${this.number}.0/24 dev ${this.name} src ${other.address('bench', 4)}`);
  }

  /** @param {Host} host */
  async #addRoutes(host) {
    for (const family of this.families) {
      await this.#ip(host, `-${family} route replace default via ${this.#addressOf(GATEWAY, family)} dev ${this.name} metric ${this.number}`);
    }
  }

  /** @param {Host} host @param {Family} family */
  #own(host, family) {
    const address = this.address(host, family);
    // Nobody else has it, so nobody needs to be asked.
    return family === 4 ? `${address}/24 dev ${this.name}` : `${address}/64 dev ${this.name} nodad`;
  }

  /** @param {Host} host @param {string} words */
  async #ip(host, words) {
    await (host === 'bench' ? there('ip', words) : out('ip', words));
  }
}

/** The networks of one scenario. Those of the one before are taken away: its bench has ended. */
export class Lan {
  /** @type {Cable[]} */
  cables = [];

  /** @param {Family[][]} [cables] which families of addresses each of them has */
  static async lay(cables = [[4, 6]]) {
    const lan = new Lan();
    /** @type {{ifname: string}[]} */
    const old = JSON.parse((await out('ip', '-j link show type veth')) || '[]');
    for (const { ifname } of old) await out('ip', `link delete ${ifname}`);
    await lan.#eachHost('nft', 'flush ruleset');
    for (const families of cables) {
      const cable = new Cable(lan.cables.length + 1, families);
      await cable.lay();
      lan.cables.push(cable);
    }
    return lan;
  }

  /** @param {number} [number] */
  cable(number = 0) {
    const cable = this.cables[number];
    if (cable === undefined) throw new Error(`there is no cable ${number}`);
    return cable;
  }

  /**
   * Of all packets that arrive at either host so many get lost. Not by `tc … netem`, which some kernels lack.
   * @param {number} percent
   */
  async lose(percent) {
    await this.#eachHost('nft', 'add table inet loss');
    await this.#eachHost('nft', 'add chain inet loss in { type filter hook input priority 0 ; }');
    await this.#eachHost('nft', `add rule inet loss in iifname lan* numgen random mod 100 < ${percent} counter drop`);
  }

  /** How many packets got lost at the two hosts. */
  async lost() {
    const rules = `${await out('nft', 'list ruleset')}${await there('nft', 'list ruleset')}`;
    return [...rules.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count));
  }

  /**
   * UDP packets from the viewer to that port of the bench go to a port of the viewer's own host instead, and what is sent
   * from there comes as if from the bench.
   * @param {{address: string, port: number, exceptFrom: {first: number, last: number}, to: number}} way
   */
  async detour({ address, port, exceptFrom: { first, last }, to }) {
    await out('nft', 'add table ip detour');
    await out('nft', 'add chain ip detour out { type nat hook output priority -100 ; }');
    await out('nft', `add rule ip detour out ip daddr ${address} udp dport ${port} udp sport != ${first}-${last} redirect to :${to}`);
  }

  /** UDP ports that the bench's host listens at, but for multicast DNS. */
  async benchPorts() {
    const lines = (await there('ss', '-H -l -u -n')).trim().split('\n');
    return lines.map((line) => Number(/:(\d+)\s/.exec(line)?.[1])).filter((port) => port !== MDNS);
  }

  /** @param {string} program @param {string} words */
  async #eachHost(program, words) {
    await out(program, words);
    await there(program, words);
  }
}

/**
 * How a bench is started on its host.
 * @param {string} identity a file, which keeps the code the same
 * @returns {import('./bench.mjs').Options}
 */
export const benchOptions = (identity) => ({
  on: ['ip', 'netns', 'exec', BENCH_HOST ?? ''],
  http: true,
  settings: { port: PORT, mdns: true, identity },
});

/** The addresses in a code. @param {string} code */
export function addressesOf(code) {
  const bytes = Buffer.from(code, 'base64url');
  const count = (bytes[0] ?? 0) & 0x0f;
  const begin = 51;
  const v6 = begin + 4 * count;
  const four = Array.from({ length: count }, (_, i) => [...bytes.subarray(begin + 4 * i, begin + 4 * i + 4)].join('.'));
  const six = Array.from({ length: (bytes.length - v6) / 16 }, (_, i) => {
    const groups = bytes.subarray(v6 + 16 * i, v6 + 16 * i + 16).toString('hex').match(/.{4}/g) ?? [];
    return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  });
  return [...four, ...six];
}

/** The address of the bench by which the page has come in. @param {import('./page.mjs').Page} page */
export const wayIn = (page) =>
  page.until('a way to the bench in the statistics', async () => {
    /** @type {RTCPeerConnection | null} */
    const connection = /** @type {any} */ (window).periscope.peerConnection();
    const report = await connection?.getStats();
    let address = '';
    report?.forEach((entry) => {
      // Firefox has no `transport` entries; with one path only one pair is nominated.
      if (entry.type !== 'candidate-pair' || entry.state !== 'succeeded' || !entry.nominated) return;
      address = report.get(entry.remoteCandidateId)?.address ?? '';
    });
    return address;
  });

/** As long as a scenario says that something lasts. @param {number} seconds */
export const lasts = (seconds) => sleep(seconds * 1000);

/** What the time limit of one event has to be for whatever comes after so many of them. @param {number} events */
export const limitOf = (events) => events * LIMIT;
