/**
 * The simulator bites: every deliberate defect is found. Each names a seed that shows it soon; once the code moved on
 * and that run is another one, the seeds from 1 on are tried.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFECTS } from './defects.ts';
import { loadSimulation } from './load.ts';

// test: limit 240 s

/** Most defects show within five. */
const MAX_SEEDS = 80;

for (const { name, patches, shownBy, favour } of DEFECTS) {
  test(`finds the defect "${name}"`, async () => {
    const { simulate } = await loadSimulation(patches);
    const seeds = [shownBy, ...Array.from({ length: MAX_SEEDS }, (_, i) => i + 1)];
    for (const seed of seeds) if ((await simulate({ seed, favour })).problem !== undefined) return;
    assert.unreachable(`not found in ${seeds.length} runs`);
  });
}

test.run();
