/** Whether this machine lets a test hold as many connections as it means to. */

import { readFileSync } from 'node:fs';

/** Node has raised this process's own limit to the hard one. @returns the obstacle */
export function tooFewFiles(needed: number): string | undefined {
  if (process.platform !== 'linux') return 'only Linux tells the limit of open files';
  const [, hard = '0'] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' || Number(hard) > needed ? undefined : `no process may open more than ${hard} files`;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const [, kibibytes = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
