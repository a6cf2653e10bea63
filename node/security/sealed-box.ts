/**
 * Bytes that only one device can read, sealed to its Ed25519 key by whoever knows that: X25519 with a key made for this
 * once, then AES-256-GCM. It says nothing about who sealed it; that is for signatures inside.
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { SandboxError } from '#shared/errors.ts';
import { RAW_KEY_BYTES, type SigningKey } from './identity.ts';

const P = 2n ** 255n - 19n;
const DOMAIN = Buffer.from('sbx/sealed-box/1');
const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;
/** A key seals once, so its nonce need not differ. */
const NONCE = Buffer.alloc(12);
/** DER of X25519 keys up to their 32 raw bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** @param recipient raw Ed25519 key that has passed `isSafePublicKey` */
export function sealBox(recipient: Uint8Array, message: Uint8Array): Uint8Array {
  const once = generateKeyPairSync('x25519');
  const point = new Uint8Array(once.publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length));
  const cipher = createCipheriv(CIPHER, boxKey(once.privateKey, montgomeryOf(recipient), point, recipient), NONCE);
  return new Uint8Array(Buffer.concat([point, cipher.update(message), cipher.final(), cipher.getAuthTag()]));
}

/** @throws {SandboxError} UNAUTHENTICATED when it was sealed for another device, or changed on the way */
export function openBox(self: Pick<SigningKey, 'seed' | 'publicKey'>, box: Uint8Array): Uint8Array {
  try {
    const point = box.subarray(0, RAW_KEY_BYTES);
    // An Ed25519 seed's scalar (RFC 8032, 5.1.5); X25519 clamps it itself.
    const scalar = createHash('sha512').update(self.seed).digest().subarray(0, RAW_KEY_BYTES);
    const own = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, scalar]), format: 'der', type: 'pkcs8' });
    const decipher = createDecipheriv(CIPHER, boxKey(own, point, point, self.publicKey), NONCE);
    decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
    const sealed = box.subarray(RAW_KEY_BYTES, box.length - TAG_BYTES);
    return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]));
  } catch (cause) {
    throw new SandboxError('UNAUTHENTICATED', 'Cannot open a sealed request: it is not for this device', { cause });
  }
}

function boxKey(own: KeyObject, other: Uint8Array, once: Uint8Array, recipient: Uint8Array): Buffer {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, other]), format: 'der', type: 'spki' });
  const shared = diffieHellman({ privateKey: own, publicKey });
  return createHash('sha256').update(DOMAIN).update(once).update(recipient).update(shared).digest();
}

/** The same point on the other form of the curve: u = (1 + y) / (1 - y). */
function montgomeryOf(ed25519Key: Uint8Array): Uint8Array {
  let y = 0n;
  for (let i = RAW_KEY_BYTES - 1; i >= 0; i--) y = (y << 8n) | BigInt(ed25519Key[i] as number);
  y &= 2n ** 255n - 1n;
  let u = ((1n + y) * power(P + 1n - y, P - 2n)) % P;
  const bytes = new Uint8Array(RAW_KEY_BYTES);
  for (let i = 0; i < RAW_KEY_BYTES; i++, u >>= 8n) bytes[i] = Number(u & 0xffn);
  return bytes;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % P;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
