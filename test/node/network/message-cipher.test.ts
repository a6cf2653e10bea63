/** What libsodium seals is what Noise's own crypto seals, to the byte; what is not authentic is refused. */

import { randomBytes } from 'node:crypto';
import { noise, pureJsCrypto } from '@chainsafe/libp2p-noise';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leanNoise } from '#node/network/lean-noise.ts';
import { type MessageCipher, sodiumCipher } from '#node/network/message-cipher.ts';
import { sodium } from '#node/security/sodium.ts';

const [KEY, NONCE] = [randomBytes(32), randomBytes(12)];
/** None, as for messages, and a hash, as in a handshake. */
const ASSOCIATED = [new Uint8Array(0), randomBytes(32)];

let cipher: MessageCipher;

test.before(() => {
  cipher = sodiumCipher(sodium()) as MessageCipher;
});

/** As libp2p hands bytes over: `subarray()` joins the pieces. */
function pieces(bytes: Uint8Array): { subarray(): Uint8Array } {
  return { subarray: () => bytes.slice() };
}

test('both seal alike and open each other’s, from nothing to the longest message', () => {
  for (const length of [0, 1, 63, 64, 65, 1199, 1200, 65_519]) {
    const text = new Uint8Array(randomBytes(length));
    for (const associated of ASSOCIATED) {
      const theirs = new Uint8Array(pureJsCrypto.chaCha20Poly1305Encrypt(text, NONCE, associated, KEY).subarray());
      for (const given of [text, pieces(text)]) assert.equal(cipher.encrypt(given, NONCE, associated, KEY), theirs);
      for (const given of [theirs, pieces(theirs)]) assert.equal(cipher.decrypt(given, NONCE, associated, KEY), text);
    }
  }
});

test('parts of larger buffers are taken as what they are', () => {
  const around = (part: Uint8Array): Uint8Array =>
    Buffer.concat([randomBytes(9), part, randomBytes(5)]).subarray(9, -5);
  const text = randomBytes(100);
  const sealed = cipher.encrypt(around(text), around(NONCE), around(KEY), around(KEY));
  assert.equal(sealed, cipher.encrypt(text, NONCE, KEY, KEY));
  assert.equal(Buffer.from(cipher.decrypt(around(sealed), around(NONCE), around(KEY), around(KEY))), text);
});

test('a message of which one bit is another is refused, and so is one under anything else', () => {
  for (const length of [0, 40]) {
    const sealed = cipher.encrypt(new Uint8Array(length), NONCE, KEY, KEY);
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const changed = sealed.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => cipher.decrypt(changed, NONCE, KEY, KEY), /not authentic/);
    }
    assert.throws(() => cipher.decrypt(sealed, randomBytes(12), KEY, KEY), /not authentic/);
    assert.throws(() => cipher.decrypt(sealed, NONCE, new Uint8Array(0), KEY), /not authentic/);
    assert.throws(() => cipher.decrypt(sealed, NONCE, KEY, randomBytes(32)), /not authentic/);
  }
});

test('what is too short to be sealed is refused, and so is a key or nonce of another length', () => {
  for (const length of [0, 15]) assert.throws(() => cipher.decrypt(new Uint8Array(length), NONCE, KEY, KEY), /too few/);
  const text = new Uint8Array(20);
  for (const use of [cipher.encrypt, cipher.decrypt]) {
    assert.throws(() => use(text, NONCE.subarray(1), KEY, KEY), /another length/);
    assert.throws(() => use(text, NONCE, KEY, KEY.subarray(1)), /another length/);
  }
});

test('Noise seals with it', () => {
  const logger = { forComponent: () => () => undefined };
  const components = { logger, privateKey: { sign: () => new Uint8Array(64) } };
  const made = leanNoise(noise())(components as unknown as Parameters<ReturnType<typeof noise>>[0]);
  const { crypto } = made as unknown as { crypto: Record<string, unknown> };
  for (const part of ['encrypt', 'decrypt'] as const) assert.is(String(crypto[part]), String(cipher[part]));
});

test.run();
