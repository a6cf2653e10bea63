import { execFileSync } from 'node:child_process';
import { createPrivateKey, verify } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { publicKeyObject } from '#node/security/ed25519.ts';
import {
  createSigningKey,
  fingerprintOf,
  loadKey,
  loadOrCreateKey,
  signingKeyFromSeed,
} from '#node/security/identity.ts';
import { createPrivateFile } from '#node/storage/private-file.ts';
import { SandboxError } from '#shared/errors.ts';

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sandmesh-identity-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function failure(work: Promise<unknown>): Promise<SandboxError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

test('loadOrCreateKey() makes a 0600 file in a 0700 folder and reads the same key again', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'keys', 'device.key');
    const made = await loadOrCreateKey(path);
    const read = await loadOrCreateKey(path);
    assert.equal(read.publicKey, made.publicKey);
    assert.equal(read.seed, made.seed);
    assert.is((await stat(path)).mode & 0o777, 0o600);
    assert.is((await stat(join(folder, 'keys'))).mode & 0o777, 0o700);
    assert.equal(await readdir(join(folder, 'keys')), ['device.key']);
    assert.is(createPrivateKey(await readFile(path, 'utf8')).asymmetricKeyType, 'ed25519');
  }));

test('ten daemons that start at once end up with one key', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'keys', 'device.key');
    const keys = await Promise.all(Array.from({ length: 10 }, () => loadOrCreateKey(path)));
    assert.is(new Set(keys.map((key) => key.fingerprint)).size, 1);
    assert.equal(await readdir(join(folder, 'keys')), ['device.key']);
  }));

test('loadKey() refuses a file that others may read, in a folder others may write, or behind a link', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'keys', 'device.key');
    await loadOrCreateKey(path);
    for (const mode of [0o640, 0o604, 0o620, 0o660]) {
      await chmod(path, mode);
      const error = await failure(loadKey(path));
      assert.is(error.code, 'BAD_KEY');
      assert.match(error.hint ?? '', 'chmod 600');
    }
    await chmod(path, 0o600);
    await chmod(join(folder, 'keys'), 0o777);
    assert.is((await failure(loadKey(path))).code, 'BAD_KEY');
    await chmod(join(folder, 'keys'), 0o700);
    await symlink(path, join(folder, 'linked.key'));
    assert.match((await failure(loadKey(join(folder, 'linked.key')))).message, 'symbolic link');
    assert.ok(await loadKey(path));
    // Its folder may be one, on a disk with more room: that one's mode counts.
    await symlink(join(folder, 'keys'), join(folder, 'elsewhere'));
    assert.ok(await loadKey(join(folder, 'elsewhere', 'device.key')));
    await chmod(join(folder, 'keys'), 0o777);
    assert.match((await failure(loadKey(join(folder, 'elsewhere', 'device.key')))).message, 'folder mode 777');
  }));

test('a key that cannot be put in its place leaves nothing of itself behind', () =>
  withFolder(async (folder) => {
    const error = await failure(createPrivateFile(join(folder, 'x'.repeat(300)), 'secret'));
    assert.is(error.code, 'HOME_UNWRITABLE');
    assert.equal(await readdir(folder), []);
  }));

test('loadKey() refuses what is no Ed25519 key and never replaces it', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'device.key');
    const rsa = execFileSync('openssl', ['genrsa', '1024'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    for (const content of ['', 'rubbish', rsa, 'x'.repeat(10_000)]) {
      await writeFile(path, content, { mode: 0o600 });
      assert.is((await failure(loadOrCreateKey(path))).code, 'BAD_KEY');
      assert.is(await readFile(path, 'utf8'), content);
    }
    assert.is(await loadKey(join(folder, 'absent.key')), undefined);
  }));

test('loadOrCreateKey() says HOME_UNWRITABLE where nothing can be made', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'keys'), 'a file where a folder should be');
    const error = await failure(loadOrCreateKey(join(folder, 'keys', 'device.key')));
    assert.is(error.code, 'HOME_UNWRITABLE');
    assert.match(error.hint ?? '', 'SANDMESH_HOME');
  }));

test('a signing key signs what its public key verifies, and comes back from its seed', () => {
  const key = createSigningKey();
  const message = new TextEncoder().encode('hello');
  const signature = key.sign(message);
  assert.is(signature.length, 64);
  assert.ok(verify(null, message, publicKeyObject(key.publicKey), signature));
  assert.equal(signingKeyFromSeed(key.seed).publicKey, key.publicKey);
  assert.match(fingerprintOf(key.publicKey), /^([0-9a-f]{4} ){3}[0-9a-f]{4}$/);
  assert.is(key.fingerprint, fingerprintOf(key.publicKey));
});

test.run();
