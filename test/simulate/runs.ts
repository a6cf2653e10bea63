/** Runs that have to hold. */

import * as assert from 'uvu/assert';
import type { StepKind } from './plan.ts';

type Simulation = typeof import('./simulation.ts');

/** Fails on the first of `count` seeds from `first` on in which an invariant breaks. @param favour what comes in droves */
export async function assertHold(
  { simulate }: Simulation,
  first: number,
  count: number,
  favour?: StepKind,
): Promise<void> {
  const flags = favour === undefined ? '' : ` --favour ${favour}`;
  for (let seed = first; seed < first + count; seed++) {
    const { problem } = await simulate({ seed, favour });
    assert.is(
      problem,
      undefined,
      `npm run simulate -- --seed ${seed}${flags}: ${problem?.invariant}: ${problem?.what}`,
    );
  }
}
