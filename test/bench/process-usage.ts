/** What a process costs, read from /proc (Linux). */

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Resident memory in MB (10^6 bytes). */
export async function rssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}

/** User and system time since the process started, in ms. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // the command in brackets may hold spaces; utime and stime are the 12th and 13th field after it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Per cent of one core over a stretch of time. */
export async function cpuPercent(pid: number, durationMs: number): Promise<number> {
  const [cpu, clock] = [await cpuMs(pid), performance.now()];
  await delay(durationMs);
  return (((await cpuMs(pid)) - cpu) / (performance.now() - clock)) * 100;
}
