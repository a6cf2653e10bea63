/** Whether a process runs, asked of the system. */

import { currentPlatform } from './platform/current.ts';

/** The kernel closes a dying process's sockets some milliseconds before the process is gone. */
const DEATH_LIMIT_MS = 300;
const POLL_MS = 10;

/** @returns true once the process is gone; false when it still runs after 300 ms */
export async function waitForDeath(pid: number): Promise<boolean> {
  const giveUpAt = performance.now() + DEATH_LIMIT_MS;
  while (performance.now() < giveUpAt) {
    if (!(await currentPlatform().isRunning(pid))) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}
