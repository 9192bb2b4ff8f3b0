// @ts-check
/** A pipe by which a pipeline reads messages of a fixed length. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A pipe by which a pipeline reads messages of a fixed length: `filesrc` waits until a block is full, where `fdsrc`
 * would hand on whatever is there.
 * @param {number} length
 * @param {(pipe: {source: string, send: (text: string) => Promise<void>, end: () => Promise<void>}) => Promise<void>} use
 */
export async function withPipe(length, use) {
  const directory = await mkdtemp(join(tmpdir(), 'periscope-'));
  const path = join(directory, 'messages');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  // Opened for both ways it waits for nobody.
  const pipe = await openFile(path, 'r+');
  let isOpen = true;
  const end = async () => {
    if (isOpen) await pipe.close();
    isOpen = false;
  };
  try {
    await use({
      source: `filesrc location=${path} blocksize=${length}`,
      send: (text) => pipe.writeFile(text),
      end,
    });
  } finally {
    await end();
    await rm(directory, { recursive: true });
  }
}
