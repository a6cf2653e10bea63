/**
 * The few primitives the protocol needs, handed in so that it stays pure: the daemon implements them in
 * `node/security/crypto.ts`, a browser may do it with its own.
 *
 * Libraries disagree on crafted signatures, and a disagreement is a fork: PROTOCOL.md says which are accepted.
 */

export interface Crypto {
  /** SHA-256 over the parts as if concatenated; 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** Ed25519. `publicKey` has passed `isSafePublicKey`; false for anything malformed, never a throw. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Something that signs with one Ed25519 key. */
export interface Signer {
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const HASH_BYTES = 32;
