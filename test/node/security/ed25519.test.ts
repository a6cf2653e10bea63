/** Two libraries, one verdict: members whose machines differ must agree about every signature. */

import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ed25519, ed25519, NodeEd25519, SodiumEd25519, verifySignature } from '#node/security/ed25519.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { type Sodium, sodium } from '#node/security/sodium.ts';
import { parseHex } from '#shared/bytes.ts';

/** 12345 times the base point. */
const KEY = 'ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081';
const MESSAGE = Buffer.from('sandmesh');
/** By that key; all but the first could only be made by whoever holds it, and satisfy some verifier's equation. */
const CRAFTED: readonly [what: string, r: string, s: string, accepted: boolean][] = [
  [
    'as it should be',
    '8c5491d56f8c8ce58d256de0eb2a7dd0c9ab15faf25fba2b1e3ff376b9d70e54',
    'f3d6249ddf5f6151276a78c996230d50b8ed1e1e594f440fcae458e89e09ef0d',
    true,
  ],
  [
    'S above the order',
    '8c5491d56f8c8ce58d256de0eb2a7dd0c9ab15faf25fba2b1e3ff376b9d70e54',
    'e0aa1afaf9c273a9fd06706c751dec64b8ed1e1e594f440fcae458e89e09ef1d',
    false,
  ],
  [
    'R with a torsion part',
    '97fc8a89ec459ece5cd1a40d51fb8033a796574f9081f01471d0bba049dd62e4',
    '50a37c2a37f7832494f57180b26c07f10f18b02360a51854b2ff96325412570d',
    false,
  ],
  [
    'R the identity',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'dacdc50296a1f6a109db260037a5ec2eeaf3978bd69ca37d63ead37659e7f400',
    false,
  ],
  [
    'R of order 8',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    '19ec17242c538a2dc67bae3df4bcf5cca1b2a04aa4cd38d49576df8993120f00',
    false,
  ],
  [
    'R of order 4',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '60ae78c148ba760a4b54fe6bab41f3bc1ce32b0fc9148871c79d35e55bbd1700',
    false,
  ],
  [
    'R of order 2',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '34ae9fa08379a462bd64899e546e5f189a6c42e7eaed97ad7bfd8a2f5e1bef0f',
    false,
  ],
  [
    'R the identity, encoded above the field',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'caf79b15b011eb2da47c4c5436adb864eacabda4732d9c6c5a3f52772c026902',
    false,
  ],
  [
    'R the identity, encoded with a sign',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'f7980d926281ff69d4cc9e035dfe7e703412bd925a7fcf1ad8b05ba4269ae20b',
    false,
  ],
];

const bytes = (hex: string): Uint8Array => parseHex(hex) as Uint8Array;

let libraries: readonly Ed25519[] = [];

test.before(() => {
  libraries = [new NodeEd25519(), new SodiumEd25519(sodium() as Sodium)];
});

test('libsodium is what this machine uses', () => {
  assert.instance(ed25519(), SodiumEd25519);
});

test('both make the same signatures, and take each other’s', () => {
  for (let n = 0; n < 50; n++) {
    const { seed, publicKey } = createSigningKey();
    const message = randomBytes(n * 7);
    const [first, second] = libraries.map((library) => library.signer(seed, publicKey)(message));
    assert.equal(first, second);
    for (const library of libraries) {
      assert.ok(verifySignature(publicKey, message, first as Uint8Array, library));
      assert.not.ok(verifySignature(publicKey, randomBytes(8), first as Uint8Array, library));
    }
  }
});

test('a signature of which one bit is another is refused by both', () => {
  const { seed, publicKey } = createSigningKey();
  for (const library of libraries) {
    const signature = library.signer(seed, publicKey)(MESSAGE);
    for (let bit = 0; bit < 512; bit++) {
      const changed = signature.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.not.ok(verifySignature(publicKey, MESSAGE, changed, library), `bit ${bit}`);
    }
  }
});

test('of what only the key’s holder can craft, both take the same', () => {
  for (const [what, r, s, accepted] of CRAFTED) {
    for (const library of libraries) {
      const verdict = verifySignature(bytes(KEY), MESSAGE, bytes(r + s), library);
      assert.is(verdict, accepted, `${what}, ${library.constructor.name}`);
    }
  }
});

test('what is no signature by its length is refused', () => {
  for (const length of [0, 63, 65]) assert.not.ok(verifySignature(bytes(KEY), MESSAGE, new Uint8Array(length)));
  assert.not.ok(verifySignature(new Uint8Array(31), MESSAGE, new Uint8Array(64)));
});

test('parts of larger buffers are signed and verified as what they are', () => {
  const { seed, publicKey, sign } = createSigningKey();
  const around = (part: Uint8Array): Uint8Array =>
    Buffer.concat([randomBytes(9), part, randomBytes(5)]).subarray(9, -5);
  for (const library of libraries) {
    const signature = library.signer(around(seed), around(publicKey))(around(MESSAGE));
    assert.equal(signature, sign(MESSAGE));
    assert.ok(verifySignature(around(publicKey), around(MESSAGE), around(signature), library));
  }
});

test.run();
