import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlKeys } from '#node/sandbox/control-keys.ts';
import type { ControlEntry, ControlSigner } from '#protocol/control-entry.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const ENTRY = { type: 'config', name: 'shop' } as ControlEntry;
const PASSPHRASE = 'correct horse';

async function codeOfSigning(signer: ControlSigner | undefined): Promise<string> {
  return (await failure(async () => await signer?.sign(ENTRY))).code;
}

test('a founded sandbox has two keys, each in a file of its own that nobody else can read', () =>
  withFolder(async (folder) => {
    const { owner, recovery } = await new ControlKeys(folder).found();
    assert.is.not(Buffer.from(owner.publicKey).toString('hex'), Buffer.from(recovery.publicKey).toString('hex'));
    for (const name of ['owner.key', 'recovery.key']) assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    assert.ok(await owner.sign(ENTRY));
  }));

test('under a passphrase the key lies sealed, signs until the daemon ends, and comes back locked', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    const { owner } = await keys.found();
    const pem = readFileSync(join(folder, 'owner.key'), 'utf8');
    await keys.protect(undefined, { passphrase: PASSPHRASE });
    assert.not(existsSync(join(folder, 'owner.key')));
    const sealed = readFileSync(join(folder, 'owner.key.sealed'), 'utf8');
    assert.is(statSync(join(folder, 'owner.key.sealed')).mode & 0o777, 0o600);
    assert.not(
      sealed.includes(
        Buffer.from(pem.split('\n')[1] ?? '', 'base64')
          .subarray(16)
          .toString('hex'),
      ),
    );
    assert.ok(await owner.sign(ENTRY));

    const later = new ControlKeys(folder);
    const locked = await later.owner(undefined);
    assert.equal(locked?.publicKey, owner.publicKey, 'whose key it is shows while it is locked');
    assert.is(await codeOfSigning(locked), 'KEY_LOCKED');
    assert.is((await failure(() => later.unlock('correct horsf'))).code, 'UNAUTHENTICATED');
    assert.is(await codeOfSigning(locked), 'KEY_LOCKED');
    await later.unlock(PASSPHRASE);
    assert.is(await locked?.sign(ENTRY), await owner.sign(ENTRY));
  }));

test('a passphrase of the environment unlocks, another one leaves it locked and stops nothing', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    await keys.found();
    await keys.protect(undefined, { passphrase: PASSPHRASE });
    assert.ok(await (await new ControlKeys(folder).owner(PASSPHRASE))?.sign(ENTRY));
    assert.is(await codeOfSigning(await new ControlKeys(folder).owner('another one')), 'KEY_LOCKED');
  }));

test('a passphrase is changed and taken off by who knows it', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    const { owner } = await keys.found();
    await keys.protect(undefined, { passphrase: PASSPHRASE });
    assert.is((await failure(() => keys.protect(undefined, { passphrase: 'another one' }))).code, 'UNAUTHENTICATED');
    assert.is((await failure(() => keys.protect('wrong one', undefined))).code, 'UNAUTHENTICATED');
    await keys.protect(PASSPHRASE, { passphrase: 'another one' });
    await keys.protect('another one', undefined);
    assert.not(existsSync(join(folder, 'owner.key.sealed')));
    assert.equal((await new ControlKeys(folder).owner(undefined))?.publicKey, owner.publicKey);
    assert.is((await failure(() => keys.unlock(PASSPHRASE))).code, 'BAD_ARGUMENT');
  }));

test('what a crash left beside a sealed key is removed, and a damaged one is named', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    await keys.found();
    const pem = readFileSync(join(folder, 'owner.key'));
    await keys.protect(undefined, { passphrase: PASSPHRASE });
    writeFileSync(join(folder, 'owner.key'), pem, { mode: 0o600 });
    await new ControlKeys(folder).owner(undefined);
    assert.not(existsSync(join(folder, 'owner.key')));
    for (const damage of [
      '',
      '{}',
      '{"version":1}',
      'null',
      readFileSync(join(folder, 'owner.key.sealed'), 'utf8').slice(9),
    ]) {
      writeFileSync(join(folder, 'owner.key.sealed'), damage, { mode: 0o600 });
      const error = await failure(() => new ControlKeys(folder).owner(undefined));
      assert.is(error.code, 'BAD_KEY', damage);
      assert.match(error.message, 'owner.key.sealed');
    }
  }));

test('the keys of a rotation take over once the log names them, also after a crash in between', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    const { owner, recovery } = await keys.found();
    const next = await keys.next();
    assert.equal((await keys.next()).owner.publicKey, next.owner.publicKey, 'an interrupted rotation makes no others');
    assert.is(await keys.finishRotation(owner.publicKey), undefined, 'the log does not name them');
    const later = new ControlKeys(folder);
    const rotated = await later.finishRotation(next.owner.publicKey);
    assert.equal(rotated?.publicKey, next.owner.publicKey);
    assert.equal((await later.owner(undefined))?.publicKey, next.owner.publicKey);
    assert.equal((await later.recovery(undefined)).publicKey, next.recovery.publicKey);
    assert.is.not(
      Buffer.from(recovery.publicKey).toString('hex'),
      Buffer.from(next.recovery.publicKey).toString('hex'),
    );
    assert.is(await later.finishRotation(next.owner.publicKey), undefined);
  }));

test('a crash right after a rotation leaves its key, not the protected one of before', () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    await keys.found();
    await keys.protect(undefined, { passphrase: PASSPHRASE });
    const sealed = readFileSync(join(folder, 'owner.key.sealed'));
    const next = await keys.next();
    await keys.finishRotation(next.owner.publicKey);
    // As if the daemon had ended before it removed this one.
    writeFileSync(join(folder, 'owner.key.sealed'), sealed, { mode: 0o600 });
    for (let start = 0; start < 2; start++) {
      const owner = await new ControlKeys(folder).owner(undefined);
      assert.equal(owner?.publicKey, next.owner.publicKey);
      assert.ok(await owner?.sign(ENTRY));
    }
    assert.not(existsSync(join(folder, 'owner.key.sealed')));
  }));

test("the key of this member's own log is made once; a recovery key that is not there is named", () =>
  withFolder(async (folder) => {
    const keys = new ControlKeys(folder);
    assert.is(await keys.storedDelegate(), undefined);
    const { publicKey } = await keys.delegate();
    assert.equal((await keys.storedDelegate())?.publicKey, publicKey);
    assert.equal((await keys.delegate()).publicKey, publicKey);
    const error = await failure(() => keys.recovery('/nowhere/recovery.key'));
    assert.is(error.code, 'BAD_KEY');
    assert.match(error.message, '/nowhere/recovery.key');
  }));

test.run();
