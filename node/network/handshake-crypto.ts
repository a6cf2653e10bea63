/**
 * What a handshake of Noise computes, by Node's own crypto: the same values. As it comes, Noise derives its keys in
 * JavaScript, which a daemon that meets its first peer has not compiled yet, and reads its own ephemeral key back from
 * bytes for every step.
 */

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/** `subarray()` of a list joins its pieces. */
interface Bytes {
  subarray(): Uint8Array;
}

/** Raw X25519 keys of 32 bytes each. */
interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A part of what Noise takes from outside. */
export interface HandshakeCrypto {
  generateKeypair(): KeyPair;
  /** @throws at a public key that gives no secret */
  dh(own: KeyPair, publicKey: Bytes): Uint8Array;
  /** HKDF of SHA-256 (RFC 5869), `ck` the salt: three keys of 32 bytes. */
  hkdf(ck: Uint8Array, ikm: Uint8Array): [Uint8Array, Uint8Array, Uint8Array];
}

const X25519 = { kty: 'OKP', crv: 'X25519' };
const NOTHING = new Uint8Array();
const KEY_BYTES = 32;

const privateKeys = new WeakMap<KeyPair, KeyObject>();

export const nativeHandshake: HandshakeCrypto = {
  generateKeypair() {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    // Asked for its private bytes by nobody but dh, which has the key itself.
    const pair: KeyPair = { publicKey: bytesOf(publicKey.export({ format: 'jwk' }).x), privateKey: NOTHING };
    privateKeys.set(pair, privateKey);
    return pair;
  },
  dh: (own, publicKey) => diffieHellman({ privateKey: privateKeyOf(own), publicKey: publicKeyOf(publicKey) }),
  hkdf(ck, ikm) {
    const keys = hkdfSync('sha256', ikm, ck, NOTHING, 3 * KEY_BYTES);
    const key = (n: number): Uint8Array => new Uint8Array(keys, n * KEY_BYTES, KEY_BYTES);
    return [key(0), key(1), key(2)];
  },
};

function privateKeyOf(pair: KeyPair): KeyObject {
  let key = privateKeys.get(pair);
  if (key === undefined) {
    key = createPrivateKey({ key: { ...X25519, x: text(pair.publicKey), d: text(pair.privateKey) }, format: 'jwk' });
    privateKeys.set(pair, key);
  }
  return key;
}

/** By JWK, of which Node takes the raw key: of DER it has OpenSSL find out first what it is, for ten times as long. */
function publicKeyOf(raw: Bytes): KeyObject {
  return createPublicKey({ key: { ...X25519, x: text(raw.subarray()) }, format: 'jwk' });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

function bytesOf(encoded: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(encoded ?? '', 'base64url'));
}
