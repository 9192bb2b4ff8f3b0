// @ts-check
/**
 * A long way from the viewer to the bench: UDP packets to one of its ports, and those that come back, take longer. They go
 * by way of this process, because not every kernel has `tc … netem`.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** @typedef {import('node:dgram').Socket} Socket */

/** Ports of this host from which packets go on to the bench, one for each connection. */
const OUT = { first: 40_000, last: 40_099 };

export class LongWay {
  /** Where packets come in that are meant for the bench. */
  #in = createSocket('udp4');
  /** By the port of the browser. @type {Map<number, Promise<Socket>>} */
  #out = new Map();
  /** @type {Set<NodeJS.Timeout>} */
  #underWay = new Set();

  /**
   * @param {import('./lan.mjs').Lan} lan
   * @param {number} port of the bench
   * @param {number} delay in milliseconds, each way
   */
  static async lay(lan, port, delay) {
    const way = new LongWay();
    const address = lan.cable().address('bench', 4);
    way.#in.on('message', (packet, { address: from, port: fromPort }) => {
      const onward = way.#out.get(fromPort) ?? way.#connect(from, fromPort, delay);
      way.#later(delay, async () => (await onward).send(packet, port, address));
    });
    // What is sent back has to come from where the kernel turned the packets to.
    way.#in.bind({ address: '127.0.0.1' });
    await once(way.#in, 'listening');
    await lan.detour({ address, port, exceptFrom: OUT, to: way.#in.address().port });
    return way;
  }

  /** @param {string} address @param {number} port @param {number} delay */
  #connect(address, port, delay) {
    const number = OUT.first + this.#out.size;
    if (number > OUT.last) throw new Error('too many connections for the long way');
    const connected = (async () => {
      const socket = createSocket('udp4');
      socket.on('message', (packet) => this.#later(delay, () => this.#in.send(packet, port, address)));
      socket.bind(number);
      await once(socket, 'listening');
      return socket;
    })();
    this.#out.set(port, connected);
    return connected;
  }

  /** @param {number} delay @param {() => void} send */
  #later(delay, send) {
    const timer = setTimeout(() => {
      this.#underWay.delete(timer);
      send();
    }, delay);
    this.#underWay.add(timer);
  }

  async close() {
    // What is under way gets lost.
    for (const timer of this.#underWay) clearTimeout(timer);
    for (const socket of [this.#in, ...(await Promise.all(this.#out.values()))]) socket.close();
  }
}
