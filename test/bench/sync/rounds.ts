/** Runs a workload for every contender, turn by turn, and sums up time and bytes. */

import type { BenchContext } from '../context.ts';
import { median, percentile } from '../statistics.ts';
import type { ContenderName } from './contender.ts';
import { SyncBench, type SyncWorld, type WorldOptions } from './world.ts';

/** One run of one contender: figure → value. */
export type Sample = Readonly<Record<string, number>>;

export interface Workload extends WorldOptions {
  readonly contenders: readonly ContenderName[];
  readonly rounds: number;
  /** Rounds thrown away first, in which V8 compiles what it starts with in those that count; 1 by default. */
  readonly warmup?: number;
  /** In a fresh world each time. */
  run(world: SyncWorld): Promise<Sample>;
}

/** Medians of every figure by contender, and a line for people each. */
export async function takeTurns(
  context: BenchContext,
  workload: Workload,
): Promise<{ medians: Readonly<Record<string, Sample>>; notes: readonly string[] }> {
  const bench = await SyncBench.prepare(context);
  const { contenders } = workload;
  const samples = new Map<ContenderName, Sample[]>(contenders.map((name) => [name, []]));
  const warmup = context.quick ? 0 : (workload.warmup ?? 1);
  for (let round = 0; round < warmup + context.rounds(workload.rounds); round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const name = contenders[(round + turn) % contenders.length] as ContenderName;
      const sample = await bench.world(name, (world) => workload.run(world), { ...workload, records: round < warmup });
      if (round >= warmup) samples.get(name)?.push(sample);
    }
  }
  const medians: Record<string, Sample> = {};
  const notes: string[] = [];
  for (const [name, taken] of samples) {
    medians[name] = middle(taken);
    notes.push(`${name}: ${describe(taken)}`);
  }
  return { medians, notes };
}

function middle(samples: readonly Sample[]): Sample {
  const keys = Object.keys(samples[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, median(samples.map((sample) => sample[key] as number))]));
}

function describe(samples: readonly Sample[]): string {
  const parts = Object.keys(samples[0] ?? {}).map((key) => {
    const values = samples.map((sample) => sample[key] as number);
    const [low, high] = [percentile(values, 0.25), percentile(values, 0.75)];
    return `${key} ${median(values).toPrecision(4)} (${low.toPrecision(3)} to ${high.toPrecision(3)})`;
  });
  return parts.join(', ');
}
