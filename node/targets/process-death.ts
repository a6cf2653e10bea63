/** Whether and how a process ended, asked of the system. */

import type { ProcessExit } from './attached-process.ts';
import { currentPlatform } from './platform/current.ts';

/** The kernel closes a dying process's sockets some milliseconds before the process is gone. */
const DEATH_LIMIT_MS = 300;
const POLL_MS = 10;

/** @returns true once the process is gone; false when it still runs after 300 ms */
async function waitForDeath(pid: number): Promise<boolean> {
  const giveUpAt = performance.now() + DEATH_LIMIT_MS;
  while (performance.now() < giveUpAt) {
    if (!(await currentPlatform().isRunning(pid))) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

/**
 * What the end of a session says about the process.
 *
 * @param code what the program itself said of its end, if it did
 * @param isLocal whether the system here knows the pid, and a lost session is worth asking about
 */
export async function exitOf(
  pid: number,
  { code, isLocal }: { code: number | undefined; isLocal: boolean },
): Promise<ProcessExit> {
  if (code !== undefined) return { code, signal: null, how: 'exit' };
  // killed by a signal, or only the session is gone
  return { code: null, signal: null, how: isLocal && (await waitForDeath(pid)) ? 'exit' : 'lost' };
}
