/** Measures contenders turn by turn, so that a noisy machine disturbs all of them alike. */

import { median, percentile } from './statistics.ts';

export interface InterleaveOptions {
  readonly rounds: number;
  /** Rounds that are thrown away first; 1 by default. */
  readonly warmup?: number;
}

export interface Interleaved<N extends string> {
  readonly medians: Readonly<Record<N, number>>;
  readonly samples: Readonly<Record<N, readonly number[]>>;
  /** One line per contender: median and middle half. */
  readonly notes: readonly string[];
}

/**
 * Every contender is called once a round; the order rotates from round to round.
 *
 * @param contenders name → takes one sample in a process of its own and returns it
 */
export async function interleave<N extends string>(
  contenders: Readonly<Record<N, () => Promise<number>>>,
  options: InterleaveOptions,
): Promise<Interleaved<N>> {
  const names = Object.keys(contenders) as N[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<N, number[]>;
  const warmup = options.warmup ?? 1;
  for (let round = 0; round < warmup + options.rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as N;
      const sample = await contenders[name]();
      if (round >= warmup) samples[name].push(sample);
    }
  }
  const medians = Object.fromEntries(names.map((name) => [name, median(samples[name])])) as Record<N, number>;
  const notes = names.map((name) => {
    const [low, high] = [percentile(samples[name], 0.25), percentile(samples[name], 0.75)];
    return `${name}: median ${medians[name].toPrecision(4)}, middle half ${low.toPrecision(4)} to ${high.toPrecision(4)}`;
  });
  return { medians, samples, notes };
}
