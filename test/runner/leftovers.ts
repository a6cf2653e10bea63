/**
 * Finds processes that a test file left behind, however they were started: each test file runs with a mark in its
 * environment, which every descendant inherits, detached ones included. Where there is no /proc only the process
 * group is looked at.
 */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { MARK } from './environment.ts';

export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Living processes whose environment at start held the mark, zombies excluded. */
export async function findMarked(mark: string): Promise<Leftover[]> {
  const wanted = `${MARK}=${mark}\0`;
  // no /proc on this system: the caller still ends the process group
  const entries = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    entries.filter((name) => /^\d+$/.test(name)).map((name) => readMarked(Number(name), wanted)),
  );
  return found.filter((leftover) => leftover !== undefined);
}

async function readMarked(pid: number, wanted: string): Promise<Leftover | undefined> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
    if (!`\0${environment}`.includes(`\0${wanted}`)) return undefined;
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    return { pid, command: commandLine === '' ? await readlink(`/proc/${pid}/exe`) : commandLine };
  } catch {
    // it ended while being looked at, or belongs to another user
    return undefined;
  }
}

/**
 * Waits until nothing marked lives, then ends what still does.
 *
 * @param graceMs processes that were told to end get this long
 * @returns those that had to be killed
 */
export async function endLeftovers(mark: string, graceMs: number): Promise<Leftover[]> {
  const deadline = performance.now() + graceMs;
  let left = await findMarked(mark);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(25);
    left = await findMarked(mark);
  }
  const killed = left;
  // what it spawned in the meantime goes too
  for (let round = 0; left.length > 0 && round < 20; round++) {
    for (const { pid } of left) kill(pid);
    await delay(25);
    left = await findMarked(mark);
  }
  return killed;
}

/** SIGKILL; a process that is gone already is fine. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
