/** Turns one workload's runs into bench cases: several figures of the same runs are several cases, measured once. */

import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import type { ContenderName } from './contender.ts';
import { type Sample, takeTurns } from './rounds.ts';
import type { SyncWorld, WorldOptions } from './world.ts';

/** One figure of a workload, and its line. */
export interface Figure extends Pick<BenchCase, 'name' | 'title' | 'unit' | 'better' | 'goal'> {
  /** Its name in the workload's sample. */
  readonly of: string;
  /** Whom the goal is set against; y-websocket by default. The others are told in the notes. */
  readonly against?: ContenderName;
}

export interface FigureOptions extends WorldOptions {
  readonly contenders: readonly ContenderName[];
  readonly rounds: number;
  /** Called once, before the first round. @returns what a round runs, and a note about it */
  prepare(context: BenchContext): { run(world: SyncWorld): Promise<Sample>; note?: string };
}

export function figures(options: FigureOptions, list: readonly Figure[]): BenchCase[] {
  let runs: ReturnType<typeof measure> | undefined;
  return list.map(({ of, against = 'y-websocket', ...figure }) => ({
    ...figure,
    goalOf: 'ratio',
    async run(context) {
      runs ??= measure(context, options);
      const { medians, notes } = await runs;
      const value = (name: ContenderName): number => medians[name]?.[of] as number;
      return { ours: value('sandmesh'), peers: { [against]: value(against) }, notes };
    },
  }));
}

async function measure(
  context: BenchContext,
  options: FigureOptions,
): Promise<{ medians: Readonly<Record<string, Sample>>; notes: readonly string[] }> {
  const { run, note } = options.prepare(context);
  const { medians, notes } = await takeTurns(context, { ...options, run });
  return { medians, notes: note === undefined ? notes : [note, ...notes] };
}
