/** Decisions about members while the disk has no room: made whole or not at all, and told to nobody before they lie there. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../../../failure.ts';
import { link, type Node, newSigner, until, withSandbox } from '../sandbox-fixture.ts';

/** @returns what makes room again */
function fillDisk({ file }: Node): () => void {
  const append = file.append.bind(file);
  file.append = () => {
    throw new SandboxError('HOME_UNWRITABLE', 'Cannot write to the log');
  };
  return () => {
    file.append = append;
  };
}

test('a grant that found no room counts nowhere, and is whole once there is', () =>
  withSandbox(async ({ owner }) => {
    const { replica } = owner;
    const { authority } = replica;
    if (authority === undefined) throw new Error('this replica is not the owner');
    const terms = { role: 'viewer', uses: 2, expiresAt: Date.now() + 60_000, approval: false } as const;
    const { publicKey: invite } = await authority.createInvite({ publicKey: newSigner().publicKey, ...terms });
    const [bob, carol] = [newSigner().publicKey, newSigner().publicKey];
    const admit = (deviceKey: Uint8Array, name: string) => authority.grant({ invite, deviceKey, name, role: 'viewer' });

    const makeRoom = fillDisk(owner);
    for (let attempt = 0; attempt < 2; attempt++) {
      assert.is((await failure(() => admit(bob, 'bob'))).code, 'HOME_UNWRITABLE', `attempt ${attempt}`);
    }
    assert.is((await failure(() => admit(carol, 'carol'))).code, 'HOME_UNWRITABLE');
    assert.is(replica.control.members.size, 1);
    assert.is((await failure(async () => void replica.controlEntries())).code, 'HOME_UNWRITABLE');
    makeRoom();

    assert.is((await admit(bob, 'bob')).name, 'bob');
    assert.is((await admit(carol, 'carol')).name, 'carol');
    assert.equal(
      [...replica.control.members.values()].map(({ name }) => name),
      ['ada', 'bob', 'carol'],
    );
    const { replica: again } = await openSandbox({
      environment: nodeEnvironment(),
      file: owner.file.copy(),
      deviceSigner: owner.signer,
      sandbox: replica.sandbox,
    });
    assert.equal(again.controlEntries(), replica.controlEntries());
    await again.stop();
  }));

test('an edit that found no room is nowhere, and the next one that has goes on from what is', () =>
  withSandbox(async ({ owner, join }) => {
    const bob = await join('editor');
    const set = (key: string) => owner.replica.edit('debug', (doc) => doc.getMap('m').set(key, 1));
    const keys = ({ replica }: Node) => [...replica.document('debug').getMap('m').keys()].sort();
    const changes: number[] = [];
    owner.replica.events.on('change', ({ envelope }) => changes.push(envelope.seq));
    await set('before');
    const makeRoom = fillDisk(owner);
    for (const key of ['first', 'second']) {
      assert.is((await failure(() => set(key))).code, 'HOME_UNWRITABLE');
      assert.equal(keys(owner), ['before'], key);
    }
    makeRoom();
    await set('after');
    link(owner, bob);
    await until(() => keys(bob).includes('after'), 'the edit at the other');
    assert.equal(
      [keys(owner), keys(bob), changes],
      [
        ['after', 'before'],
        ['after', 'before'],
        [1, 2],
      ],
    );
  }));

test('a member who connects meanwhile is not told what found no room, and hears of it once there is', () =>
  withSandbox(async ({ owner, join }) => {
    const bob = await join('viewer');
    const invite = (publicKey = newSigner().publicKey) =>
      owner.replica.authority?.createInvite({
        publicKey,
        role: 'viewer',
        uses: 1,
        expiresAt: Date.now() + 60_000,
        approval: false,
      });
    const key = newSigner().publicKey;
    const knows = ({ replica }: Pick<Node, 'replica'>): boolean => replica.control.invites.has(toHex(key));

    const makeRoom = fillDisk(owner);
    assert.is((await failure(async () => void (await invite(key)))).code, 'HOME_UNWRITABLE');
    const early = link(owner, bob);
    await until(() => early.reasons.length > 0, 'the owner ends the link');
    assert.match(early.reasons.join(), 'cannot write down');
    assert.is(knows(bob), false);
    makeRoom();
    await invite();
    assert.is(knows(owner), true);
    link(owner, bob);
    await until(() => knows(bob), 'bob hears of it');
  }));

test.run();
