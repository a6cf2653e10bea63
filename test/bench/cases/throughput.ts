/** What being attached costs a program that never pauses: HTTP requests per second against the bare program. */

import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { armBreakpoint, type HostedProgram, hostProgram } from '../pair.ts';
import { addressOf, createProject } from '../project.ts';

export async function bareProgram(context: BenchContext): Promise<string> {
  const project = createProject(context);
  const [command = 'node', ...args] = project.argv;
  return addressOf(context.program(command, args, { cwd: project.folder }));
}

/**
 * Attached with that many breakpoints on lines that never run, against bare.
 *
 * @param prepare what else is the case before it is measured
 * @param path that is asked for
 */
export async function measureThroughput(
  context: BenchContext,
  breakpoints: number,
  prepare: (hosted: HostedProgram) => Promise<void> = async () => undefined,
  path = '/',
): Promise<{ ours: number; peers: { bare: number }; notes: readonly string[] }> {
  const hosted = await hostProgram(context);
  const { client, project, address } = hosted;
  for (const location of project.coldLines.slice(0, breakpoints)) await armBreakpoint(client, location, project.folder);
  await prepare(hosted);
  const bare = await bareProgram(context);
  const load = context.httpLoad();
  const durationMs = context.quick ? 300 : 1_500;
  const { medians, notes } = await interleave(
    {
      ours: () => load.measure({ url: `${address}${path}`, durationMs }),
      bare: () => load.measure({ url: `${bare}${path}`, durationMs }),
    },
    { rounds: context.rounds(11) },
  );
  return { ours: medians.ours, peers: { bare: medians.bare }, notes };
}

export const benchCase: BenchCase = {
  name: 'throughput',
  title: 'HTTP requests per second of a program under sandmesh run, no breakpoint, against the bare program',
  unit: 'requests/s',
  better: 'higher',
  goal: 0.95,
  goalOf: 'ratio',
  run: (context) => measureThroughput(context, 0),
};
