/** A folder of one test's own, with a path short enough for sockets. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function withFolder(use: (folder: string) => unknown): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'smh-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
