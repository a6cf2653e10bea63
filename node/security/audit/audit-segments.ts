/** The files of an audit log: `<number of the first line>.log`, twelve digits, in one folder. */

import { readdirSync } from 'node:fs';

const NAME = /^(\d{12})\.log$/;

export interface AuditSegment {
  readonly name: string;
  /** Number of its first line. */
  readonly first: number;
}

export function segmentName(first: number): string {
  return `${String(first).padStart(12, '0')}.log`;
}

/** In the order of their lines; none when there is no folder yet. */
export function listSegments(folder: string): AuditSegment[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => ({ name, first: Number(name.slice(0, 12)) }));
}
