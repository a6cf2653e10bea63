/**
 * Keys of the simulated people, by name and the same in every run: making and checking one costs milliseconds, and
 * nothing depends on which it is.
 */

import { signerFromSeed } from '#node/security/crypto.ts';
import { type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import { Random } from './random.ts';

const signers = new Map<string, Signer>();

export function keyOf(name: string): Signer {
  const signer = signers.get(name) ?? signerFromSeed(seedOf(name));
  signers.set(name, signer);
  return signer;
}

export async function controlKeyOf(name: string): Promise<ControlSigner> {
  const seed = seedOf(`control ${name}`);
  return await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
}

function seedOf(name: string): Uint8Array {
  return new Random(0).fork(`key of ${name}`).bytes(32);
}
