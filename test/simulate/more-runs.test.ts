/** More runs of the simulator than `simulate.test.ts` has time for, and those that showed something once. */

// test: full
// test: limit 400 s

import { test } from 'uvu';
import { loadSimulation } from './load.ts';
import { ASKED_FOR } from './plan.ts';
import { assertHold } from './runs.ts';

const FIRST_SEED = 1_001;
const RUNS = 60;
const FAVOURED_RUNS = 20;
/**
 * An envelope from above a fork that was settled otherwise; a record that waited to be written again while a checkpoint
 * came; a checkpoint that nobody had who was asked for it first; one without effect, of a home that was set back; members
 * dropped whose grants had lost their effect by a fork (two); honest work upon that of members whom only the branch admitted
 * that was not chosen (two); an older record in the place of a lost one; a checkpoint of which a damaged log does not tell; an
 * edit within what a checkpoint includes of a forked chain, by somebody who had met another of its lines first (two); work from
 * above a fork that was settled in favour of the shorter branch; a decision upon which the daemon stopped;
 * a delegate that was told in an entry's words why it may not make somebody more than the owner said; checkpoints that no disk
 * has any more, awaited for ever because somebody asked for them says nothing (two).
 * Eight more were mistakes of the simulator's own: in what a delegate may give, who joins anew, whose word it was, whom a
 * branch had removed, what a rotten home may lack, which of two decisions had warned, what a number stands for in an update,
 * that a fork which nobody was there to settle was judged; after them a fork in the very moment of a decision.
 */
const ONCE_BROKEN = [
  17, 22, 200_012, 300_066, 100_469, 200_382, 400_424, 400_462, 200_501, 401_902, 200_452, 401_322, 402_060, 1_001_353,
  1_000_545, 1_001_111, 1_200_080, 700_084, 951_515, 951_681, 951_785, 402_596, 600_092, 960_331, 920_138, 920_807,
];

const sound = await loadSimulation();

test(`every invariant holds in ${RUNS} runs`, () => assertHold(sound, FIRST_SEED, RUNS));

for (const kind of ASKED_FOR) {
  test(`and in ${FAVOURED_RUNS} runs full of ${kind}`, () => assertHold(sound, FIRST_SEED, FAVOURED_RUNS, kind));
}

for (const seed of ONCE_BROKEN) test(`seed ${seed} holds again`, () => assertHold(sound, seed, 1));

test.run();
