/**
 * What Noise seals its messages with, ChaCha20-Poly1305 (RFC 8439), by libsodium. As it comes, Noise computes it in
 * WebAssembly for a keystroke, which takes five times as long (`npm run bench seal-open`), and by node:crypto for a large
 * message.
 */

import type { Sodium } from '../security/sodium.ts';

/** `subarray()` of a list joins its pieces. */
interface Bytes {
  subarray(): Uint8Array;
}

/** A part of what Noise takes from outside. Keys have 32 bytes, nonces 12. */
export interface MessageCipher {
  encrypt(text: Bytes, nonce: Uint8Array, associated: Uint8Array, key: Uint8Array): Uint8Array;
  /** @throws when it is not authentic, or too short to be */
  decrypt(sealed: Bytes, nonce: Uint8Array, associated: Uint8Array, key: Uint8Array): Uint8Array;
}

const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/** @returns undefined where libsodium is not at hand: Noise's own does the same */
export function sodiumCipher(library: Sodium | undefined): MessageCipher | undefined {
  if (library === undefined) return undefined;
  return {
    encrypt(pieces, nonce, associated, key) {
      assertLengths(nonce, key);
      const text = pieces.subarray();
      const sealed = new Uint8Array(text.length + TAG_BYTES);
      library.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, text, present(associated), nonce, key);
      return sealed;
    },
    decrypt(pieces, nonce, associated, key) {
      assertLengths(nonce, key);
      const sealed = pieces.subarray();
      if (sealed.length < TAG_BYTES) throw new RangeError(`${sealed.length} bytes are too few to be sealed`);
      const text = new Uint8Array(sealed.length - TAG_BYTES);
      const length = library.crypto_aead_chacha20poly1305_ietf_decrypt(text, sealed, present(associated), nonce, key);
      if (length !== text.length) throw new Error('The message is not authentic');
      return text;
    },
  };
}

/** The library reads as many bytes as it needs, wherever they end. */
function assertLengths(nonce: Uint8Array, key: Uint8Array): void {
  if (nonce.length !== NONCE_BYTES || key.length !== KEY_BYTES)
    throw new RangeError('a key or nonce of another length');
}

function present(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length > 0 ? bytes : undefined;
}
