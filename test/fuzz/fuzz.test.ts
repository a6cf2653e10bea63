/**
 * Every parser of untrusted bytes, for a few seconds from a new seed; `npm run fuzz -- --seconds N` goes on for longer.
 * And the fuzzer bites: each deliberate defect is found.
 */

// test: limit 120 s

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seedOf } from '#test/seed.ts';
import { loadPatched } from '../simulate/load.ts';
import { PARSER_DEFECTS } from './defects.ts';
import { describe, Fuzzer, fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const MILLISECONDS = 4_000;
/** Inputs a defect may take to be found; most show within a hundred. */
const DEFECT_INPUTS = 20_000;

test('every parser takes whatever comes', async () => {
  const seed = seedOf('fuzz');
  const { findings, tallies } = await fuzz(TARGETS, { seed, milliseconds: MILLISECONDS });
  assert.is(findings.map(describe).join('\n'), '');
  for (const [name, { accepted, refused }] of tallies) {
    assert.ok(accepted + refused > 0, `${name} was not tried`);
  }
});

test('of every target some inputs pass and some are refused', async () => {
  for (const target of TARGETS) {
    const fuzzer = await Fuzzer.prepare(target, 1);
    for (let index = 0; index < 1_000; index++) {
      assert.is(await fuzzer.feed(index), undefined);
      if (fuzzer.tally.accepted > 0 && fuzzer.tally.refused > 0) break;
    }
    assert.ok(fuzzer.tally.accepted > 0 && fuzzer.tally.refused > 0, `${target.name}: ${JSON.stringify(fuzzer.tally)}`);
  }
});

for (const { name, target, patch } of PARSER_DEFECTS) {
  test(`finds the defect "${name}"`, async () => {
    const patched = await loadPatched<typeof import('./targets.ts')>('test/fuzz/targets.ts', [patch]);
    const chosen = patched.TARGETS.find((candidate) => candidate.name === target);
    if (chosen === undefined) throw new RangeError(`There is no target "${target}"`);
    const fuzzer = await patched.Fuzzer.prepare(chosen, 1);
    for (let index = 0; index < DEFECT_INPUTS; index++) {
      if ((await fuzzer.feed(index)) !== undefined) return;
    }
    assert.unreachable(`not found in ${DEFECT_INPUTS} inputs`);
  });
}

test.run();
