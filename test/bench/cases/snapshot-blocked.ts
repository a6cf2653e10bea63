/**
 * How long a breakpoint of the kind `snapshot` blocks the program: stop, read, run on. Beside it a stop of the same
 * program at the same pace in which nothing is read, which is what V8 takes for itself.
 */

import path from 'node:path';
import type { BenchCase, Measurement } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { armedBreakpoint, hostProgram } from '../pair.ts';
import { addressOf, createProject, hit } from '../project.ts';
import { median } from '../statistics.ts';

/** A daemon takes ten at once, and four a second. */
const HITS_PER_ROUND = 4;
const ROUND_MS = 1_100;
const BARE_SESSION = path.join(import.meta.dirname, '../programs/bare-session.mjs');

/** Median of a round's stops. */
async function blockedMs(address: string): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  const samples: number[] = [];
  for (let n = 0; n < HITS_PER_ROUND; n++) samples.push((await hit(address)).blockedMs);
  return median(samples);
}

async function underSandmesh(context: BenchContext): Promise<string> {
  const { client, project, address } = await hostProgram(context);
  await armedBreakpoint(client, { location: project.hitLine, folder: project.folder, kind: 'snapshot' });
  return address;
}

async function attached(context: BenchContext): Promise<string> {
  const home = context.home();
  const project = createProject(context);
  const [command = 'node', ...args] = project.argv;
  const program = context.program(command, args, { cwd: project.folder });
  const address = await addressOf(program);
  home.ask(['attach', String(program.pid)], { cwd: project.folder });
  const client = await home.client({ folder: project.folder });
  await armedBreakpoint(client, { location: project.hitLine, folder: project.folder, kind: 'snapshot' });
  return address;
}

function underBareSession(context: BenchContext): Promise<string> {
  const project = createProject(context);
  const [command = 'node', ...args] = project.argv;
  const env = { SESSION_LINE: String(Number(project.hitLine.split(':')[1]) - 1) };
  return addressOf(context.program(command, ['--import', BARE_SESSION, ...args], { cwd: project.folder, env }));
}

async function measure(context: BenchContext, ours: string): Promise<Measurement> {
  const bare = await underBareSession(context);
  const { medians, notes } = await interleave(
    { ours: () => blockedMs(ours), 'bare stop': () => blockedMs(bare) },
    { rounds: context.rounds(10) },
  );
  return { ours: medians.ours, peers: { 'bare stop': medians['bare stop'] }, notes };
}

export const measureAttached = async (context: BenchContext): Promise<Measurement> =>
  measure(context, await attached(context));

export const benchCase: BenchCase = {
  name: 'snapshot-blocked',
  title: 'how long a snapshot breakpoint blocks a program under sandmesh run, median, beside a stop that reads nothing',
  unit: 'ms',
  better: 'lower',
  goal: 1,
  goalOf: 'ours',
  run: async (context) => measure(context, await underSandmesh(context)),
};
