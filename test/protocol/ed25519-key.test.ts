import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { signerFromSeed } from '#node/security/crypto.ts';
import { NodeEd25519 } from '#node/security/ed25519.ts';
import { isSafePublicKey } from '#protocol/ed25519-key.ts';

/** The eight points of small order, and encodings of them above the field's size. */
const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const BASE_POINT = '5866666666666666666666666666666666666666666666666666666666666666';
/** 12345 times the base point, without and with a point of order 8 added. */
const PRIME_ORDER = 'ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081';
const MIXED_ORDER = 'cdbc161be64c4302f56443ff29ccf36a2075be1a1fa67ff126b56315f5681c38';

test('isSafePublicKey() takes every key that a seed gives', () => {
  for (let i = 0; i < 20; i++) assert.ok(isSafePublicKey(signerFromSeed(randomBytes(32)).publicKey));
  assert.ok(isSafePublicKey(Buffer.from(PRIME_ORDER, 'hex')));
});

test('isSafePublicKey() refuses points of small order in every encoding', () => {
  for (const key of SMALL_ORDER) assert.not.ok(isSafePublicKey(Buffer.from(key, 'hex')), key);
});

test('isSafePublicKey() refuses a key with a torsion part', () => {
  assert.not.ok(isSafePublicKey(Buffer.from(MIXED_ORDER, 'hex')));
});

test('isSafePublicKey() refuses bytes that are no point, and other lengths', () => {
  assert.not.ok(isSafePublicKey(Buffer.alloc(32, 0x02)));
  assert.not.ok(isSafePublicKey(new Uint8Array(31)));
  assert.not.ok(isSafePublicKey(new Uint8Array(33)));
});

test('the check is needed: node up to OpenSSL 3.0 accepts a signature under the identity key for any message', () => {
  const identity = Buffer.from(SMALL_ORDER[0] as string, 'hex');
  const once = Buffer.alloc(32);
  once[0] = 1;
  const forged = Buffer.concat([Buffer.from(BASE_POINT, 'hex'), once]);
  const accepted = new NodeEd25519().verify(identity, Buffer.from('anything'), forged);
  // Node 24's OpenSSL 3.5 refuses it by itself; both are supported, so the check stays
  if (process.versions.openssl.startsWith('3.0.')) assert.ok(accepted);
});

test.run();
