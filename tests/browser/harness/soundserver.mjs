// @ts-check
/** A PulseAudio server with nothing behind it: Firefox starts no audio engine where there is no sound card. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LIMIT } from './settings.mjs';

const POLL = 50;

export class SoundServer {
  #process;
  #directory;

  /** @param {import('node:child_process').ChildProcess} process @param {string} directory */
  constructor(process, directory) {
    this.#process = process;
    this.#directory = directory;
  }

  /** What finds it, for a browser's environment. */
  get environment() {
    return { PULSE_SERVER: `unix:${join(this.#directory, 'native')}` };
  }

  static async start() {
    const directory = await mkdtemp(join(tmpdir(), 'periscope-sound-'));
    const socket = join(directory, 'native');
    const options = ['--daemonize=no', '--exit-idle-time=-1', '-n', '--use-pid-file=no', '--disable-shm=yes', '--log-level=error', '--realtime=no', '--high-priority=no'];
    const modules = [`module-native-protocol-unix auth-anonymous=1 socket=${socket}`, 'module-null-sink rate=48000'];
    const { PULSE_SERVER: _, ...environment } = process.env;
    const server = spawn('pulseaudio', [...options, ...modules.map((module) => `--load=${module}`)], {
      stdio: 'ignore',
      env: { ...environment, HOME: directory, XDG_RUNTIME_DIR: directory, PULSE_RUNTIME_PATH: directory, PULSE_STATE_PATH: directory },
    });
    process.once('exit', () => server.kill('SIGKILL'));
    const failed = once(server, 'error').then(([error]) => {
      throw error;
    });
    const isThere = async () => {
      for (const until = performance.now() + LIMIT; ; await pause(POLL)) {
        const found = await stat(socket).catch(() => null);
        if (found !== null) return;
        if (server.exitCode !== null || performance.now() > until) throw new Error('the sound server does not start (package pulseaudio)');
      }
    };
    await Promise.race([isThere(), failed]);
    return new SoundServer(server, directory);
  }

  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await gone;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}
