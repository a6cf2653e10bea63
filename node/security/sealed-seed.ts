/**
 * A private key's seed under a passphrase: scrypt, then AES-256-GCM, as one JSON text that also tells the public key, so
 * that whose key it is can be seen while it is locked.
 */

import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { RAW_KEY_BYTES } from './identity.ts';
import { type KeyringPlace, keyringPlaceSchema } from './keyring/keyring.ts';

/** 64 MiB and some 0.2 s a guess. */
const COST = { N: 2 ** 16, r: 8, p: 1 } as const;
/** What a file may ask of us: a larger one is no key of ours but an attempt to take our memory. */
const MAX_N = 2 ** 20;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const CIPHER = 'aes-256-gcm';

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const sealedSeedSchema = z.strictObject({
  version: z.literal(1),
  publicKey: hex(RAW_KEY_BYTES),
  scrypt: z.strictObject({
    N: z.number().int().min(2).max(MAX_N),
    r: z.number().int().min(1).max(16),
    p: z.number().int().min(1).max(4),
    salt: hex(SALT_BYTES),
  }),
  nonce: hex(NONCE_BYTES),
  sealed: hex(RAW_KEY_BYTES + 16),
  /** Where the passphrase lies; absent: somebody knows it. */
  keyring: keyringPlaceSchema.optional(),
});
export type SealedSeed = z.infer<typeof sealedSeedSchema>;

/** @param keyring where the passphrase lies, if nobody knows it */
export async function sealSeed(
  seed: Uint8Array,
  publicKey: Uint8Array,
  passphrase: string,
  keyring?: KeyringPlace,
): Promise<SealedSeed> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, await derive(passphrase, salt, COST), nonce);
  cipher.setAAD(publicKey);
  const sealed = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  return {
    version: 1,
    publicKey: Buffer.from(publicKey).toString('hex'),
    scrypt: { ...COST, salt: salt.toString('hex') },
    nonce: nonce.toString('hex'),
    sealed: sealed.toString('hex'),
    ...(keyring === undefined ? {} : { keyring }),
  };
}

/** @throws {SandboxError} UNAUTHENTICATED for another passphrase */
export async function openSeed(file: SealedSeed, passphrase: string): Promise<Uint8Array> {
  const { salt, ...cost } = file.scrypt;
  const key = await derive(passphrase, Buffer.from(salt, 'hex'), cost);
  const bytes = Buffer.from(file.sealed, 'hex');
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(file.nonce, 'hex'));
  decipher.setAAD(Buffer.from(file.publicKey, 'hex'));
  decipher.setAuthTag(bytes.subarray(RAW_KEY_BYTES));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(0, RAW_KEY_BYTES)), decipher.final()]));
  } catch {
    throw new SandboxError('UNAUTHENTICATED', 'Cannot unlock the control key: the passphrase is another one', {
      hint: 'Try again; upper and lower case count.',
    });
  }
}

/** @throws {SandboxError} BAD_KEY naming the file */
export function parseSealedSeed(text: string, path: string): SealedSeed {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = undefined;
  }
  const parsed = sealedSeedSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new SandboxError('BAD_KEY', `Cannot use the key file "${path}": it holds no key under a passphrase`, {
    hint: 'Restore it from a backup.',
  });
}

function derive(passphrase: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  const options = { ...cost, maxmem: 160 * (cost.N ?? 1) * (cost.r ?? 1) };
  return new Promise((resolve, reject) => {
    // The same letters typed on another keyboard are the same passphrase.
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
