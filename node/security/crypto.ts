/** The protocol's primitives, as the daemon has them: SHA-256 by node:crypto, Ed25519 by ed25519.ts. */

import { createHash, hash } from 'node:crypto';
import type { Crypto, Signer } from '#protocol/crypto.ts';
import { plainBytes } from '#shared/bytes.ts';
import { verifySignature } from './ed25519.ts';
import { signingKeyFromSeed } from './identity.ts';

/** The {@link Crypto} of the daemon. Holds public keys only. */
export class NodeCrypto implements Crypto {
  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    const [only] = parts;
    // In one call a third faster than by a Hash object.
    if (only !== undefined && parts.length === 1) return plainBytes(hash('sha256', only, 'buffer'));
    const whole = createHash('sha256');
    for (const part of parts) whole.update(part);
    return plainBytes(whole.digest());
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return verifySignature(publicKey, message, signature);
  }
}

/** A {@link Signer} from the 32-byte seed of an Ed25519 key. @throws {SandboxError} BAD_KEY */
export function signerFromSeed(seed: Uint8Array): Signer {
  const { publicKey, sign } = signingKeyFromSeed(seed);
  return { publicKey, sign };
}
