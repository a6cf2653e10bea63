// test: limit 120 s
/** The real Secret Service of a session bus of its own: gnome-keyring-daemon and libsecret's secret-tool. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlKeys } from '#node/sandbox/control-keys.ts';
import type { KeyringPlace } from '#node/security/keyring/keyring.ts';
import { runKeyringTool } from '#node/security/keyring/keyring-tool.ts';
import { linuxKeyring } from '#node/security/keyring/linux.ts';
import { parseSealedSeed } from '#node/security/sealed-seed.ts';
import type { ControlEntry } from '#protocol/control-entry.ts';
import { unless } from '#test/skip.ts';
import { failure } from '../../failure.ts';
import { KEYRING_OBSTACLE, withKeyring } from './session-bus.ts';

const ENTRY = { type: 'config', name: 'shop' } as ControlEntry;

unless(test, KEYRING_OBSTACLE, 'the Secret Service keeps a secret, gives it back and forgets it', () =>
  withKeyring(async () => {
    const keyring = linuxKeyring(runKeyringTool);
    const place = await keyring.store('ab12-1', 'sandmesh: control key ab12', 's3cret-_0');
    assert.equal(place, { kind: 'secret-service', entry: 'ab12-1' });
    assert.is(await keyring.read(place), 's3cret-_0');
    await keyring.forget(place);
    assert.match((await failure(() => keyring.read(place))).message, 'no such entry');
    await keyring.forget(place);
  }),
);

unless(test, KEYRING_OBSTACLE, 'a control key in the keyring opens by itself, and elsewhere stays locked', () =>
  withKeyring(async (folder) => {
    const keys = new ControlKeys(folder);
    const { owner } = await keys.found();
    await keys.protect(undefined, { keyring: true });
    assert.not(existsSync(join(folder, 'owner.key')));
    assert.is(keys.protection, 'keyring');
    const later = new ControlKeys(folder);
    assert.is(await (await later.owner(undefined))?.sign(ENTRY), await owner.sign(ENTRY));

    const bus = process.env['DBUS_SESSION_BUS_ADDRESS'] as string;
    process.env['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nowhere';
    const away = new ControlKeys(folder);
    const locked = await away.owner(undefined);
    assert.is((await failure(async () => await locked?.sign(ENTRY))).code, 'KEY_LOCKED');
    assert.is((await failure(() => away.unlock(undefined))).code, 'KEYRING_UNAVAILABLE');
    assert.is((await failure(() => away.protect(undefined, undefined))).code, 'KEYRING_UNAVAILABLE');
    process.env['DBUS_SESSION_BUS_ADDRESS'] = bus;
    await away.unlock(undefined);
    assert.ok(await locked?.sign(ENTRY));

    const { keyring } = parseSealedSeed(readFileSync(join(folder, 'owner.key.sealed'), 'utf8'), 'x');
    await away.protect(undefined, { passphrase: 'correct horse' });
    assert.is(away.protection, 'passphrase');
    const read = failure(() => linuxKeyring(runKeyringTool).read(keyring as KeyringPlace));
    assert.match((await read).message, 'no such entry', 'nothing stays behind');
    await away.protect('correct horse', { keyring: true });
    await away.protect(undefined, undefined);
    assert.ok(await (await new ControlKeys(folder).owner(undefined))?.sign(ENTRY));
  }),
);

test.run();
