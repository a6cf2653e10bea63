/**
 * Ed25519 keys of this machine: the device key (also the libp2p key) and the owner's control key of a sandbox. One
 * PKCS#8 PEM file each, 0600 in a 0700 folder, made on first use. A file that others could read or swap is refused
 * rather than used. Everything outside this file passes keys around as raw 32 bytes.
 */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SandboxError } from '#shared/errors.ts';
import { badFile, createPrivateFile, readPrivateFile, unwritableFile } from '../storage/private-file.ts';
import { ed25519, PKCS8_PREFIX, privateKeyObject, SPKI_PREFIX } from './ed25519.ts';

export const RAW_KEY_BYTES = 32;
/** A PKCS#8 PEM of an Ed25519 key has 119 bytes; whatever is much longer is no such file. */
const MAX_KEY_FILE_BYTES = 4096;

export interface SigningKey {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Raw private seed, 32 bytes. Secret: hand it only to what needs raw bytes (libp2p). */
  readonly seed: Uint8Array;
  readonly privateKey: KeyObject;
  /** First 16 hex digits of the public key's SHA-256, in groups of four. */
  readonly fingerprint: string;
  /** @returns 64 bytes */
  sign(message: Uint8Array): Uint8Array;
}

/** What a person compares: `3f2a 90c1 77de 0b44`. */
export function fingerprintOf(publicKey: Uint8Array): string {
  const digits = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  return digits.replace(/(.{4})(?=.)/g, '$1 ');
}

/**
 * A key from its 32-byte seed: an invite's, or a test's.
 *
 * @throws {SandboxError} BAD_KEY when it is not 32 bytes
 */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  if (seed.length !== RAW_KEY_BYTES) throw new SandboxError('BAD_KEY', `Cannot use a key seed of ${seed.length} bytes`);
  return signingKey(privateKeyObject(seed));
}

/** A new random key, kept nowhere. */
export function createSigningKey(): SigningKey {
  return signingKey(generateKeyPairSync('ed25519').privateKey);
}

/**
 * Reads a key file, making it (and its folder) the first time. Two daemons that start at once agree on one key.
 *
 * @param path absolute; its folder is created 0700
 * @throws {SandboxError} BAD_KEY when the file is a link, readable by others, not ours or no Ed25519 key;
 * HOME_UNWRITABLE when it can be neither read nor made
 */
export async function loadOrCreateKey(path: string): Promise<SigningKey> {
  const existing = await loadKey(path);
  if (existing !== undefined) return existing;
  const key = createSigningKey();
  await createPrivateFile(path, key.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  // Another process may have been first: what lies in the file is the key.
  const stored = await loadKey(path);
  if (stored === undefined) throw unwritableFile(path, new Error('the file vanished'));
  return stored;
}

/**
 * Reads a key file.
 *
 * @returns undefined when there is none
 * @throws {SandboxError} as {@link loadOrCreateKey}
 */
export async function loadKey(path: string): Promise<SigningKey | undefined> {
  const pem = await readPrivateFile(path, MAX_KEY_FILE_BYTES);
  return pem === undefined ? undefined : parseKey(pem, path);
}

function parseKey(pem: string, path: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw badFile(path, 'it holds no private key', 'Restore it from a backup, or move it away to start anew.');
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw badFile(path, `it holds a key of type "${privateKey.asymmetricKeyType}"`, 'An Ed25519 key is needed.');
  }
  return signingKey(privateKey);
}

function signingKey(privateKey: KeyObject): SigningKey {
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.length));
  const seed = new Uint8Array(der.subarray(PKCS8_PREFIX.length, PKCS8_PREFIX.length + RAW_KEY_BYTES));
  return {
    publicKey,
    seed,
    privateKey,
    fingerprint: fingerprintOf(publicKey),
    sign: ed25519().signer(seed, publicKey),
  };
}
