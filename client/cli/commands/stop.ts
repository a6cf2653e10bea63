/** `stop`: ends the daemon and waits until it is gone. */

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';

/** A daemon ends in well under a second; a machine that swaps or compiles gets time. */
const GONE_LIMIT_MS = 15_000;
const POLL_MS = 20;

export const stop: CommandHandler = async ({ context }) => {
  const client = await context.connect({ start: false });
  const { pid } = await client.call('daemon.status', {});
  const result = await client.call('daemon.stop', {});
  const giveUpAt = Date.now() + GONE_LIMIT_MS;
  while (isAlive(pid)) {
    if (Date.now() > giveUpAt) {
      throw new SandboxError('TIMEOUT', `The daemon (pid ${pid}) has not ended after ${GONE_LIMIT_MS / 1000} s`, {
        hint: `Its log is ${context.paths.logFile}. If it hangs: kill ${pid}`,
      });
    }
    await delay(POLL_MS);
  }
  context.output.result(result, () => 'The daemon has stopped; programs keep running.');
  return ExitCode.ok;
};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // ESRCH: gone. It is our own user's, so EPERM cannot happen.
    return false;
  }
  return !isZombie(pid);
}

/** Ended, but not yet collected by its parent: in containers that can take seconds. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    // No /proc on this system, or gone meanwhile: the next look tells.
    return false;
  }
}
