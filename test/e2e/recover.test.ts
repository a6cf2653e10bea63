// test: limit 180 s
/** The key that decides about a sandbox: a home restored from a backup, a fork and its recovery, a passphrase. */

import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from './mesh/members.ts';

async function openShop(owner: Member): Promise<string> {
  await owner.ask('config.set', 'config', 'set', 'name', 'ada');
  const { link } = await owner.ask('sandbox.open', 'open');
  return link ?? '';
}

async function roleAt(member: Member, name: string): Promise<string | undefined> {
  const { members } = await member.ask('member.list', 'members');
  return members.find((each) => each.name === name)?.role;
}

async function hasRole(member: Member, name: string, role: string): Promise<void> {
  await eventually(`${name} to be ${role}`, async () => ((await roleAt(member, name)) === role ? true : undefined));
}

/** Ada and bob, a copy of ada's home from before she made him a viewer, and both daemons stopped. */
async function withBackup(body: (owner: Member, bob: Member, restore: () => void) => Promise<void>): Promise<void> {
  await withMembers(async ({ base, member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await bob.join(await openShop(owner), owner, 'bob');
    await owner.ask('daemon.stop', 'stop');
    const backup = path.join(base, 'backup');
    cpSync(owner.home, backup, { recursive: true, filter: (source) => !source.endsWith('.sock') });
    await owner.ask('member.role', 'role', 'bob', 'viewer');
    await hasRole(bob, 'bob', 'viewer');
    await owner.ask('daemon.stop', 'stop');
    await body(owner, bob, () => {
      rmSync(owner.home, { recursive: true });
      cpSync(backup, owner.home, { recursive: true });
    });
  });
}

test('an owner restored from an old backup takes from others what it signed since, before it signs again', () =>
  withBackup(async (owner, bob, restore) => {
    restore();
    const { invite } = await owner.ask('invite.create', 'invite', '--role', 'viewer');
    assert.is(await roleAt(owner, 'bob'), 'viewer');
    await eventually('bob to know the invite', async () => {
      const { invites } = await bob.see('invite.list');
      return invites.some(({ id }) => id === invite.id) ? true : undefined;
    });
    assert.is(await owner.refusal('recover', '--branch', 'abcdefgh', '--yes'), 'BAD_ARGUMENT', 'nothing has forked');
  }));

test('one that signs alone forks its log: work goes on below, and the recovery key says which branch counts', () =>
  withBackup(async (owner, bob, restore) => {
    await bob.ask('daemon.stop', 'stop');
    restore();
    await owner.ask('member.role', 'role', 'bob', 'commenter');
    await hasRole(bob, 'bob', 'debugger');
    await eventually('the owner to see the fork', async () =>
      (await owner.refusal('role', 'bob', 'editor')) === 'CONTROL_FORKED' ? true : undefined,
    );
    assert.is((await bob.cli('chat', 'still at work')).code, 0);
    for (const command of ['members', 'status']) {
      assert.match((await owner.cli(command)).stdout, "! project: the owner's key signed two things at once");
    }
    const { stdout } = await owner.cli('recover', '--yes', '--json');
    const { error }: { error: { code: string; hint: string } } = JSON.parse(stdout);
    assert.is(error.code, 'CONTROL_FORKED');
    const branches = [...error.hint.matchAll(/([\w-]{8}) \(to entry \d+, [\d-]+ [\d:]+: bob made (\w+)\)/g)];
    const byRole = new Map(branches.map(([, hash, role]) => [role, hash as string]));
    assert.equal([...byRole.keys()].sort(), ['commenter', 'viewer'], error.hint);
    await owner.ask('sandbox.recover', 'recover', '--yes', '--branch', byRole.get('commenter') as string);
    assert.is(await roleAt(owner, 'bob'), 'commenter');
    await hasRole(bob, 'bob', 'commenter');
    assert.not.match((await owner.cli('members')).stdout, '!');
    await owner.ask('member.role', 'role', 'bob', 'editor');
    await hasRole(bob, 'bob', 'editor');
  }));

test('under a passphrase the control key signs only when somebody has said it', () =>
  withMembers(async ({ member }) => {
    const owner = member('o', 'project');
    await openShop(owner);
    owner.setVariable('SANDMESH_NEW_PASSPHRASE', 'correct horse');
    await owner.ask('key.protect', 'key', 'protect');
    await owner.ask('invite.create', 'invite');
    await owner.ask('daemon.stop', 'stop');
    assert.is(await owner.refusal('invite'), 'KEY_LOCKED');
    await owner.ask('sandbox.open', 'open');
    owner.setVariable('SANDMESH_PASSPHRASE', 'correct horsf');
    assert.is(await owner.refusal('key', 'unlock'), 'UNAUTHENTICATED');
    owner.setVariable('SANDMESH_PASSPHRASE', 'correct horse');
    await owner.ask('key.unlock', 'key', 'unlock');
    await owner.ask('invite.create', 'invite');
    await owner.ask('daemon.stop', 'stop');
    await owner.ask('invite.create', 'invite');
    await owner.ask('key.protect', 'key', 'protect', '--off');
    owner.setVariable('SANDMESH_PASSPHRASE', undefined);
    await owner.ask('daemon.stop', 'stop');
    await owner.ask('invite.create', 'invite');
  }));

test('whoever says yes to a joiner under a locked key is told to unlock it, and the joiner waits on', () =>
  withMembers(async ({ member }) => {
    const [owner, bob, eve] = [member('o', 'project'), member('b', 'at-bobs'), member('e', 'at-eves')];
    const asking = await openShop(owner);
    const { link = '' } = await owner.ask('invite.create', 'invite', '--role', 'viewer', '--approve', 'no');
    owner.setVariable('SANDMESH_NEW_PASSPHRASE', 'correct horse');
    await owner.ask('key.protect', 'key', 'protect');
    await owner.ask('daemon.stop', 'stop');
    await owner.ask('sandbox.open', 'open');
    const joining = bob.ask('sandbox.join', 'join', asking, '--name', 'bob');
    await eventually('the request', async () =>
      (await owner.see('request.list')).requests.length > 0 ? true : undefined,
    );
    assert.is(await owner.refusal('approve', 'bob'), 'KEY_LOCKED');
    assert.match((await eve.cli('join', link)).stderr, /on the machine asked.*\n.*whoever sits there/);
    owner.setVariable('SANDMESH_PASSPHRASE', 'correct horse');
    await owner.ask('key.unlock', 'key', 'unlock');
    await owner.ask('request.approve', 'approve', 'bob');
    assert.is((await joining).sandbox.role, 'debugger');
  }));

test('whoever has the recovery key, in a file of the folder it stands in, takes the sandbox over', () =>
  withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await bob.join(await openShop(owner), owner, 'bob');
    const { sandbox } = await owner.ask('storage.export', 'export', path.join(owner.home, 'shop.sandmesh'));
    const kept = path.join(owner.home, 'data', 'sandboxes', sandbox, 'recovery.key');
    cpSync(kept, path.join(bob.folder, 'kept.key'));
    await bob.ask('sandbox.recover', 'recover', '--yes', '--file', 'kept.key');
    await hasRole(owner, 'bob', 'owner');
    assert.is(await owner.refusal('role', 'bob', 'viewer'), 'FORBIDDEN');
    await bob.ask('member.role', 'role', 'ada', 'viewer');
    await hasRole(owner, 'ada', 'viewer');
    assert.is(await owner.refusal('recover', '--yes'), 'BAD_KEY', 'the key of before opens nothing');
    // Who holds the role without the key is not sent to an owner.
    await bob.ask('member.role', 'role', 'ada', 'owner');
    await hasRole(owner, 'ada', 'owner');
    assert.match(
      (await owner.cli('invite')).stderr,
      /control key of this sandbox does not lie here\n.*sandmesh recover/,
    );
    assert.equal((await bob.ask('sandbox.leave', 'leave', '--yes')).stay, ['ada']);
  }));

test.run();
