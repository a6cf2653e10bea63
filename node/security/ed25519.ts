/**
 * Ed25519 by libsodium, in about half the time of OpenSSL's; by node:crypto where libsodium's add-on does not load.
 *
 * Members must agree about every signature. Under a key that is safe (protocol/ed25519-key.ts) both accept exactly
 * those with S below the group's order and R the encoding of S·B − h·A, byte for byte, but for one kind: R the identity,
 * which libsodium refuses and OpenSSL does not. It is refused here, before either is asked.
 */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '#protocol/crypto.ts';
import { toHex } from '#shared/bytes.ts';
import { type Sodium, sodium } from './sodium.ts';

/** DER of a SubjectPublicKeyInfo up to the 32 raw bytes (RFC 8410). */
export const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** DER of a PKCS#8 private key up to the 32 bytes of the seed (RFC 8410). */
export const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** Far above the members of one daemon's sandboxes; beyond it the oldest key is imported again when needed. */
const MAX_CACHED_KEYS = 4096;
const SECRET_KEY_BYTES = 64;

/** @param raw 32 bytes */
export function publicKeyObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** @param seed 32 bytes */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** One library's Ed25519. Lengths are right: whoever calls has checked them. */
export interface Ed25519 {
  /** @returns what signs with the key of a 32-byte seed */
  signer(seed: Uint8Array, publicKey: Uint8Array): (message: Uint8Array) => Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** KeyObjects are cached: importing a key costs as much as verifying with it. */
export class NodeEd25519 implements Ed25519 {
  readonly #keys = new Map<string, KeyObject>();

  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
    const key = privateKeyObject(seed);
    return (message) => new Uint8Array(sign(null, message, key));
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return verify(null, message, this.#key(publicKey), signature);
  }

  #key(publicKey: Uint8Array): KeyObject {
    const name = toHex(publicKey);
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = publicKeyObject(publicKey);
      if (this.#keys.size >= MAX_CACHED_KEYS) this.#keys.delete(this.#keys.keys().next().value as string);
      this.#keys.set(name, key);
    }
    return key;
  }
}

export class SodiumEd25519 implements Ed25519 {
  readonly #sodium: Sodium;

  constructor(sodium: Sodium) {
    this.#sodium = sodium;
  }

  signer(seed: Uint8Array, publicKey: Uint8Array): (message: Uint8Array) => Uint8Array {
    const secretKey = new Uint8Array(SECRET_KEY_BYTES);
    secretKey.set(seed);
    secretKey.set(publicKey, seed.length);
    return (message) => {
      const signature = new Uint8Array(SIGNATURE_BYTES);
      this.#sodium.crypto_sign_detached(signature, message, secretKey);
      return signature;
    };
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return this.#sodium.crypto_sign_verify_detached(...span(signature), ...span(message), ...span(publicKey));
  }
}

function span({ buffer, byteOffset, byteLength }: Uint8Array): [ArrayBufferLike, number, number] {
  return [buffer, byteOffset, byteLength];
}

let chosen: Ed25519 | undefined;

/** This process's. */
export function ed25519(): Ed25519 {
  chosen ??= choose(sodium());
  return chosen;
}

function choose(library: Sodium | undefined): Ed25519 {
  return library === undefined ? new NodeEd25519() : new SodiumEd25519(library);
}

/**
 * Whether every member takes the signature.
 *
 * @param publicKey has passed `isSafePublicKey`
 * @returns false for anything malformed, never a throw
 */
export function verifySignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  by: Ed25519 = ed25519(),
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  return !startsWithIdentity(signature) && by.verify(publicKey, message, signature);
}

/** The identity's y is 1; x, 0, has no sign to set. */
function startsWithIdentity(signature: Uint8Array): boolean {
  if (signature[0] !== 1) return false;
  for (let i = 1; i < PUBLIC_KEY_BYTES; i++) if (signature[i] !== 0) return false;
  return true;
}
