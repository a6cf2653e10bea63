/** The same command in several processes, each with its part of the seeds: one run keeps one processor busy. */

import { spawn } from 'node:child_process';
import path from 'node:path';

export interface Part {
  readonly seed: number;
  readonly runs: number;
}

/** Splits `runs` seeds from `seed` on as evenly as can be; no part is empty. */
export function splitRuns(seed: number, runs: number, jobs: number): Part[] {
  const parts: Part[] = [];
  for (let i = 0, from = 0; i < jobs; i++) {
    const until = Math.round((runs * (i + 1)) / jobs);
    if (until > from) parts.push({ seed: (seed + from) >>> 0, runs: until - from });
    from = until;
  }
  return parts;
}

/** Runs the parts side by side; what they print comes as it is. @param args other arguments @returns whether all held */
export async function runParts(parts: readonly Part[], args: readonly string[]): Promise<boolean> {
  const command = path.join(import.meta.dirname, 'run.ts');
  const exits = parts.map(({ seed, runs }) => {
    const own = ['--jobs', '1', '--seed', String(seed), '--runs', String(runs)];
    const child = spawn(process.execPath, [...process.execArgv, command, ...own, ...args], { stdio: 'inherit' });
    return new Promise<boolean>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code === 0));
    });
  });
  return (await Promise.all(exits)).every(Boolean);
}
