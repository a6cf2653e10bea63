/**
 * Randomness of tests that can be had again. A test draws the same each time; SANDMESH_TEST_SEED sets another seed, and
 * `random` chooses one.
 */

/** Gives and prints the seed of one test. @throws RangeError when SANDMESH_TEST_SEED is neither a number nor `random` */
export function seedOf(title: string): number {
  const seed = seedFor(title, process.env['SANDMESH_TEST_SEED']);
  process.stdout.write(`seed of "${title}": ${seed}\n`);
  return seed;
}

function seedFor(title: string, given: string | undefined): number {
  // FNV-1a
  if (given === undefined)
    return [...title].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5);
  if (given === 'random') return Math.floor(Math.random() * 2 ** 32);
  if (!/^\d+$/.test(given)) throw new RangeError(`SANDMESH_TEST_SEED is "${given}": give a number or "random"`);
  return Number(given);
}

/** Numbers in [0, 1) that follow from the seed alone (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
