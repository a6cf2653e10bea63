/**
 * The simulator itself: some runs hold, one seed is one run, and a defect that fits nowhere is an error. `defects.test.ts`
 * has those that fit, `more-runs.test.ts` more seeds; `npm run simulate -- --runs N` has as many as you like.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadSimulation } from './load.ts';
import { assertHold } from './runs.ts';

// test: limit 240 s

const FIRST_SEED = Number(process.env['SANDMESH_TEST_SEED'] ?? 1);
const RUNS = 12;

const sound = await loadSimulation();

test(`every invariant holds in ${RUNS} runs`, () => assertHold(sound, FIRST_SEED, RUNS));

test('one seed is one run, event for event, in another copy of the code too', async () => {
  const other = await loadSimulation();
  const first = await sound.simulate({ seed: FIRST_SEED });
  assert.equal(await other.simulate({ seed: FIRST_SEED }), first);
  const another = await sound.simulate({ seed: FIRST_SEED + 1_000_000 });
  assert.is.not(another.traceHash, first.traceHash);
});

test('a patch that fits nowhere is an error', async () => {
  const file = 'node/storage/append-log.ts';
  let refusal = '';
  await loadSimulation([{ file, find: 'no such text', replace: '' }]).catch((error: Error) => {
    refusal = error.message;
  });
  assert.match(refusal, /Cannot patch node\/storage\/append-log\.ts/);
});

test.run();
