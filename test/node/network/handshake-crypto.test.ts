/** The values of a handshake are those of Noise's own crypto, and Noise uses ours. */

import { randomBytes } from 'node:crypto';
import { noise, pureJsCrypto } from '@chainsafe/libp2p-noise';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeHandshake } from '#node/network/handshake-crypto.ts';
import { leanNoise } from '#node/network/lean-noise.ts';

/** As libp2p hands bytes over: `subarray()` joins the pieces. */
class Pieces {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  subarray(): Uint8Array {
    return this.#bytes.slice();
  }
}

test('keys are derived as Noise derives them, from nothing too', () => {
  for (const bytes of [32, 0, 1, 100]) {
    const [ck, ikm] = [randomBytes(32), randomBytes(bytes)];
    const expected = pureJsCrypto.getHKDF(ck, ikm).map((key) => Buffer.from(key));
    assert.equal(
      nativeHandshake.hkdf(ck, ikm).map((key) => Buffer.from(key)),
      expected,
    );
  }
});

test('two sides share a secret, whichever of them computes as Noise does', () => {
  const [ours, theirs] = [nativeHandshake.generateKeypair(), pureJsCrypto.generateX25519KeyPair()];
  assert.is(ours.publicKey.byteLength, 32);
  const secret = pureJsCrypto.generateX25519SharedKey(theirs.privateKey, ours.publicKey);
  for (const publicKey of [theirs.publicKey, new Pieces(theirs.publicKey)]) {
    assert.equal(Buffer.from(nativeHandshake.dh(ours, publicKey)), Buffer.from(secret));
  }
  // A pair that Noise made before it took ours: its static one.
  assert.equal(Buffer.from(nativeHandshake.dh(theirs, ours.publicKey)), Buffer.from(secret));
});

test('no two pairs are the same', () => {
  const keys = Array.from({ length: 20 }, () =>
    Buffer.from(nativeHandshake.generateKeypair().publicKey).toString('hex'),
  );
  assert.is(new Set(keys).size, keys.length);
});

test('a public key that gives no secret is refused', () => {
  const pair = nativeHandshake.generateKeypair();
  assert.throws(() => nativeHandshake.dh(pair, new Uint8Array(32)));
});

/** @returns Noise as our hosts use it, with a key whose signatures are noted in `signed` */
function ours(signed: Uint8Array[]) {
  const logger = { forComponent: () => () => undefined };
  const sign = (message: Uint8Array): Uint8Array => {
    signed.push(message);
    return Uint8Array.of(signed.length);
  };
  const components = { logger, privateKey: { sign } } as unknown as Parameters<ReturnType<typeof noise>>[0];
  return leanNoise(noise())(components) as unknown as {
    crypto: Record<string, unknown>;
    components: { privateKey: { sign(message: Uint8Array): Uint8Array } };
    staticKey: { publicKey: Uint8Array };
  };
}

test('Noise computes with it', () => {
  const { crypto } = ours([]);
  for (const part of ['generateKeypair', 'dh', 'hkdf'] as const) assert.is(crypto[part], nativeHandshake[part]);
});

test('what every handshake signs is signed once, before the first; anything else when it is asked for', () => {
  const signed: Uint8Array[] = [];
  const { components, staticKey } = ours(signed);
  const message = Buffer.concat([Buffer.from('noise-libp2p-static-key:'), staticKey.publicKey]);
  assert.equal(
    signed.map((each) => Buffer.from(each)),
    [message],
  );
  assert.equal(components.privateKey.sign(message), Uint8Array.of(1));
  assert.equal(components.privateKey.sign(message.subarray(1)), Uint8Array.of(2));
  assert.is(signed.length, 2);
});

test.run();
