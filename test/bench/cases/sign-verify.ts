/** What an envelope's signature costs, made and checked, in the library that the daemon takes, against node:crypto. */

import { randomBytes } from 'node:crypto';
import { type Ed25519, ed25519, NodeEd25519, verifySignature } from '#node/security/ed25519.ts';
import { createSigningKey } from '#node/security/identity.ts';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';

/** What is signed of an envelope is a hash and what it is of. */
const MESSAGE = randomBytes(48);
const TIMES = 2_000;

function microseconds(library: Ed25519): () => Promise<number> {
  const { seed, publicKey } = createSigningKey();
  const sign = library.signer(seed, publicKey);
  return async () => {
    const started = performance.now();
    for (let n = 0; n < TIMES; n++) {
      if (!verifySignature(publicKey, MESSAGE, sign(MESSAGE), library)) throw new Error('It refuses its own signature');
    }
    return ((performance.now() - started) * 1000) / TIMES;
  };
}

export const benchCase: BenchCase = {
  name: 'sign-verify',
  title: 'an envelope’s signature made and checked, median, against node:crypto',
  unit: 'µs',
  better: 'lower',
  goal: 1,
  goalOf: 'ratio',
  async run(context) {
    const contenders = { ours: microseconds(ed25519()), 'node:crypto': microseconds(new NodeEd25519()) };
    const { medians, notes } = await interleave(contenders, { rounds: context.rounds(11) });
    return { ours: medians.ours, peers: { 'node:crypto': medians['node:crypto'] }, notes };
  },
};
