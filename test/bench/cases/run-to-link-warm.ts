/** The same with the daemon up: what every later `run` of a day costs. */

import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';
import { timeRun } from './run-to-link.ts';

export const benchCase: BenchCase = {
  name: 'run-to-link-warm',
  title: 'sandmesh run to the printed link, the daemon running and the sandbox open',
  unit: 'ms',
  better: 'lower',
  goal: 500,
  goalOf: 'ours',
  async run(context) {
    const { medians, notes } = await interleave(
      { ours: () => timeRun(context, 'warm') },
      { rounds: context.rounds(7) },
    );
    return { ours: medians.ours, peers: {}, notes };
  },
};
