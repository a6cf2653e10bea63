/**
 * Where a sandbox's folder stands: another text for another folder (a restored or copied home), another start of the
 * machine (the end of a log may be lost) and after damage. What must not be gone on with there is kept beside it.
 */

import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';

/** @param folder of the sandbox */
export function placeOf(folder: string): string {
  const { dev, ino, birthtimeMs } = statSync(folder);
  const damaged = statSync(join(folder, 'sandbox.log.damaged'), { throwIfNoEntry: false })?.size ?? 0;
  return [dev, ino, Math.round(birthtimeMs), damaged, machineStart()].join(' ');
}

function machineStart(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Elsewhere the clock tells, to ten minutes: clocks are set, and a start too many costs a page its place only.
    return String(Math.round((Date.now() / 1000 - os.uptime()) / 600));
  }
}
