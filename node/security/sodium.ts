/**
 * Libsodium: sodium-native's add-on of version 5.1.0, loaded by itself. The package around it looks for it by way of ten
 * others, 31 ms and 9 MB where this takes 1 ms and less than 1 MB (measured).
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The calls beneath the package's own functions. They check nothing: an argument of another kind or length than is said
 * here ends the process. What may be absent is `undefined`.
 */
export interface Sodium {
  /** @param secretKey seed and public key, 64 bytes */
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): number;
  /** Signature, message and public key, each as a buffer, where in it and how many bytes. */
  crypto_sign_verify_detached(...spans: (ArrayBufferLike | number)[]): boolean;
  /** @param sealed 16 bytes longer than the text */
  crypto_aead_chacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    text: Uint8Array,
    associated: Uint8Array | undefined,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** @param text 16 bytes shorter than what was sealed. @returns its length, another number when it is not authentic */
  crypto_aead_chacha20poly1305_ietf_decrypt(
    text: Uint8Array,
    sealed: Uint8Array,
    associated: Uint8Array | undefined,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}

/** The file of the add-on for this machine. The build puts it beside its bundles. */
export function sodiumFile(): string {
  const machine = `${process.platform}-${process.arch}`;
  const beside = path.join(path.dirname(fileURLToPath(import.meta.url)), `sodium-${machine}.node`);
  if (existsSync(beside)) return beside;
  return createRequire(import.meta.url).resolve(`sodium-native/prebuilds/${machine}/sodium-native.node`);
}

let loaded: Sodium | false | undefined;

/** @returns undefined on a machine that it is not made for: there node:crypto does the same, slower */
export function sodium(): Sodium | undefined {
  loaded ??= tryLoad();
  return loaded || undefined;
}

function tryLoad(): Sodium | false {
  try {
    return loadSodium(sodiumFile());
  } catch {
    return false;
  }
}

/** @throws when it does not load */
export function loadSodium(file: string): Sodium {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Sodium;
}
