/**
 * A sandbox's id binds it to its owner's control key and to the key that can replace it: whoever holds a link can
 * check the genesis entry against it, and nobody else can make a genesis that fits.
 */

import { toHex } from '#shared/bytes.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Crypto } from './crypto.ts';

const DOMAIN = new TextEncoder().encode('sbx/genesis/1');
export const SANDBOX_ID_BYTES = 20;
export const NONCE_BYTES = 16;

export interface SandboxFounding {
  /** Raw Ed25519 control key of the owner. */
  readonly ownerKey: Uint8Array;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  /** SHA-256 of the recovery key, 32 bytes. */
  readonly recoveryHash: Uint8Array;
}

/** `sha256("sbx/genesis/1" ‖ ownerKey ‖ nonce ‖ recoveryHash)[0:20]` in lower-case hex. */
export function deriveSandboxId(founding: SandboxFounding, crypto: Pick<Crypto, 'sha256'>): SandboxId {
  const { ownerKey, nonce, recoveryHash } = founding;
  if (ownerKey.length !== 32 || nonce.length !== NONCE_BYTES || recoveryHash.length !== 32) {
    throw new RangeError('A sandbox is founded on a 32-byte key, a 16-byte nonce and a 32-byte hash');
  }
  return toHex(crypto.sha256(DOMAIN, ownerKey, nonce, recoveryHash).subarray(0, SANDBOX_ID_BYTES)) as SandboxId;
}
