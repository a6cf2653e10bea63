/** Makes a failing run small: leaves out steps as long as the same invariant breaks. */

import type { Outcome } from './simulation.ts';

const MAX_TRIES = 150;

/** @param again repeats the run with these steps only */
export async function shrink(
  failing: Outcome,
  again: (steps: ReadonlySet<number>) => Promise<Outcome>,
): Promise<Outcome> {
  let best = failing;
  let tries = 0;
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; ) {
    let shorter: Outcome | undefined;
    for (let from = 0; from < best.steps.length && tries < MAX_TRIES && shorter === undefined; from += size) {
      tries++;
      const kept = best.steps.filter((_, i) => i < from || i >= from + size);
      const outcome = await again(new Set(kept));
      if (outcome.problem?.invariant === failing.problem?.invariant) shorter = outcome;
    }
    if (tries >= MAX_TRIES) break;
    if (shorter !== undefined) best = shorter;
    else if (size === 1) break;
    else size = Math.ceil(size / 2);
  }
  return best;
}
