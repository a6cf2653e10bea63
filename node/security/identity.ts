/**
 * Ed25519 keys of this machine: the device key (also the libp2p key) and the owner's control key of a sandbox. One
 * PKCS#8 PEM file each, 0600 in a 0700 folder, made on first use. A file that others could read or swap is refused
 * rather than used. Everything outside this file passes keys around as raw 32 bytes.
 */

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { makeFolder } from '../storage/make-folder.ts';

export const RAW_KEY_BYTES = 32;
/** A PKCS#8 PEM of an Ed25519 key has 119 bytes; whatever is much longer is no such file. */
const MAX_KEY_FILE_BYTES = 4096;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 raw bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** DER of an Ed25519 PKCS#8 private key up to the 32 bytes of the seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

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

/** @throws {SandboxError} BAD_KEY when it is not 32 bytes */
export function publicKeyObject(raw: Uint8Array): KeyObject {
  if (raw.length !== RAW_KEY_BYTES) throw new SandboxError('BAD_KEY', `Cannot use a public key of ${raw.length} bytes`);
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/**
 * A key from its 32-byte seed: an invite's, or a test's.
 *
 * @throws {SandboxError} BAD_KEY when it is not 32 bytes
 */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  if (seed.length !== RAW_KEY_BYTES) throw new SandboxError('BAD_KEY', `Cannot use a key seed of ${seed.length} bytes`);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return signingKey(privateKey);
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
  await writeKeyOnce(path, key);
  // Another process may have been first: what lies in the file is the key.
  const stored = await loadKey(path);
  if (stored === undefined) throw unwritable(path, new Error('the file vanished'));
  return stored;
}

/**
 * Reads a key file.
 *
 * @returns undefined when there is none
 * @throws {SandboxError} as {@link loadOrCreateKey}
 */
export async function loadKey(path: string): Promise<SigningKey | undefined> {
  let file: FileHandle;
  try {
    // O_NOFOLLOW: what is checked below is what was opened, not what a link points at.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'EMLINK') throw badKey(path, 'it is a symbolic link', `Remove it: rm ${path}`);
    throw unwritable(path, cause);
  }
  try {
    await checkFile(file, path);
    return parseKey(await file.readFile('utf8'), path);
  } finally {
    await file.close();
  }
}

async function checkFile(file: FileHandle, path: string): Promise<void> {
  const stats = await file.stat();
  if (!stats.isFile()) throw badKey(path, 'it is not a regular file', 'Move it away; a new key is made.');
  if (stats.size > MAX_KEY_FILE_BYTES) throw badKey(path, `it has ${stats.size} bytes`, 'Restore it from a backup.');
  // Windows has no such modes: there the profile folder's own access list guards the file.
  if (process.platform === 'win32') return;
  if (stats.uid !== process.getuid?.()) throw badKey(path, 'it belongs to another user', `Run: chown $USER ${path}`);
  if ((stats.mode & OTHERS) !== 0) {
    throw badKey(
      path,
      `other users may read it (mode ${modeText(stats.mode)})`,
      `If nobody did, run: chmod 600 ${path}`,
    );
  }
  const folder = dirname(path);
  const folderMode = (await lstat(folder)).mode;
  if ((folderMode & OTHERS_WRITE) !== 0) {
    throw badKey(path, `other users may replace it (folder mode ${modeText(folderMode)})`, `Run: chmod 700 ${folder}`);
  }
}

async function writeKeyOnce(path: string, key: SigningKey): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.key-${process.pid}-${key.fingerprint.replaceAll(' ', '')}`);
  try {
    makeFolder(folder);
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(key.privateKey.export({ format: 'pem', type: 'pkcs8' }));
      await file.sync();
    } finally {
      await file.close();
    }
    // link() refuses an existing name, rename() would replace the key of whoever was first.
    await link(draft, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
    await unlink(draft);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function parseKey(pem: string, path: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw badKey(path, 'it holds no private key', 'Restore it from a backup, or move it away to start anew.');
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw badKey(path, `it holds a key of type "${privateKey.asymmetricKeyType}"`, 'An Ed25519 key is needed.');
  }
  return signingKey(privateKey);
}

function signingKey(privateKey: KeyObject): SigningKey {
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.length));
  return {
    publicKey,
    seed: new Uint8Array(der.subarray(PKCS8_PREFIX.length, PKCS8_PREFIX.length + RAW_KEY_BYTES)),
    privateKey,
    fingerprint: fingerprintOf(publicKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0');
}

function badKey(path: string, why: string, hint: string): SandboxError {
  return new SandboxError('BAD_KEY', `Cannot use the key file "${path}": ${why}`, { hint });
}

function unwritable(path: string, cause: unknown): SandboxError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SandboxError('HOME_UNWRITABLE', `Cannot read or make the key file "${path}": ${why}`, {
    hint: 'Set SANDMESH_HOME to a folder you can write to.',
    cause,
  });
}
