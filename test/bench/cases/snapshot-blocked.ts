/** How long a breakpoint of the kind `snapshot` blocks the program: stop, read, run on. */

import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { armedBreakpoint, hostProgram } from '../pair.ts';
import { addressOf, createProject, hit } from '../project.ts';
import { median } from '../statistics.ts';

/** A daemon takes ten at once, and four a second. */
const HITS_PER_ROUND = 4;
const ROUND_MS = 1_100;

async function blockedMs(context: BenchContext, address: string): Promise<{ ours: number; notes: string[] }> {
  const samples: number[] = [];
  for (let round = 0; round < context.rounds(10); round++) {
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    for (let n = 0; n < HITS_PER_ROUND; n++) samples.push((await hit(address)).blockedMs);
  }
  // The first one installs what looks into the program.
  const [, ...rest] = samples;
  const worst = Math.max(...rest).toFixed(2);
  return { ours: median(rest), notes: [`${rest.length} stops, the longest ${worst} ms`] };
}

async function harness(context: BenchContext): Promise<{ ours: number; notes: string[] }> {
  const { client, project, address } = await hostProgram(context);
  await armedBreakpoint(client, { location: project.hitLine, folder: project.folder, kind: 'snapshot' });
  return blockedMs(context, address);
}

export async function attached(context: BenchContext): Promise<{ ours: number; notes: string[] }> {
  const home = context.home();
  const project = createProject(context);
  const [command = 'node', ...args] = project.argv;
  const program = context.program(command, args, { cwd: project.folder });
  const address = await addressOf(program);
  home.ask(['attach', String(program.pid)], { cwd: project.folder });
  const client = await home.client({ folder: project.folder });
  await armedBreakpoint(client, { location: project.hitLine, folder: project.folder, kind: 'snapshot' });
  return blockedMs(context, address);
}

export const benchCase: BenchCase = {
  name: 'snapshot-blocked',
  title: 'how long a snapshot breakpoint blocks a program under sandmesh run, median',
  unit: 'ms',
  better: 'lower',
  goal: 1,
  goalOf: 'ours',
  run: async (context) => ({ ...(await harness(context)), peers: {} }),
};
