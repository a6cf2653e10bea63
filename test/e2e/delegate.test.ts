// test: limit 240 s
/** Who lets people in while the owner's daemon is stopped: a delegate, and members who carry what only the owner decides. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from './mesh/members.ts';

/** The names of those who are members, as one of them sees it. */
async function namesAt(member: Member): Promise<string[]> {
  const { members } = await member.ask('member.list', 'members');
  return members.filter(({ removed }) => !removed).map(({ name }) => name);
}

async function openShop(owner: Member): Promise<string> {
  await owner.ask('config.set', 'config', 'set', 'name', 'ada');
  const { link } = await owner.ask('sandbox.open', 'open');
  return link ?? '';
}

async function linkOf(member: Member, ...options: string[]): Promise<string> {
  const { link } = await member.ask('invite.create', 'invite', ...options);
  return link ?? '';
}

/** Waits until an invite the owner made has reached this member. */
async function hasInvites(member: Member, count: number): Promise<void> {
  await eventually(`${count} invites at ${member.home}`, async () => {
    const { invites } = await member.see('invite.list');
    return invites.length >= count ? true : undefined;
  });
}

test('a delegate lets people in and the owner, stopped meanwhile, knows them when it is back', () =>
  withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    const [carol, dan] = [member('c', 'at-carols'), member('d', 'at-dans')];
    await bob.join(await openShop(owner), owner, 'bob');
    assert.is(await bob.refusal('invite'), 'FORBIDDEN');
    await owner.ask('member.delegate', 'delegate', 'bob', '--role', 'debugger');
    const named = await linkOf(owner, '--admitter', 'bob', '--role', 'viewer', '--approve', 'yes');
    await hasInvites(bob, 2);
    await owner.ask('daemon.stop', 'stop');

    await carol.join(named, bob, 'carol');
    await dan.ask('sandbox.join', 'join', await linkOf(bob, '--approve', 'no', '--expires', '1h'), '--name', 'dan');
    assert.is(await bob.refusal('invite', '--role', 'editor'), 'FORBIDDEN');
    assert.is(await bob.refusal('revoke', 'ada'), 'FORBIDDEN');
    assert.is((await bob.cli('role', 'dan', 'viewer')).code, 0);

    await eventually('the owner to know all', async () => {
      const names = await namesAt(owner);
      return ['ada', 'bob', 'carol', 'dan'].every((name) => names.includes(name)) ? true : undefined;
    });
    const { members } = await owner.ask('member.list', 'members');
    assert.is(members.find(({ name }) => name === 'dan')?.role, 'viewer');
    await owner.ask('member.revoke', 'revoke', 'carol');
    assert.not((await namesAt(owner)).includes('carol'));
    await eventually('carol to be out', async () =>
      (await carol.refusal('chat', 'still here?')) === 'MEMBER_UNKNOWN' ? true : undefined,
    );
    await owner.ask('member.delegate', 'delegate', 'bob', '--end');
    await eventually('bob to decide no more', async () =>
      (await bob.refusal('invite')) === 'FORBIDDEN' ? true : undefined,
    );
  }));

test('a join that only the owner decides waits, says for whom, and is carried to the owner when it is back', () =>
  withMembers(async ({ member }) => {
    const [owner, bob, carol] = [member('o', 'project'), member('b', 'at-bobs'), member('c', 'at-carols')];
    await bob.join(await openShop(owner), owner, 'bob');
    await eventually('bob to be connected', async () => {
      const { sessions } = await owner.ask('session.list', 'members', '--sessions');
      return sessions.length === 1 ? true : undefined;
    });
    const link = await linkOf(owner, '--role', 'viewer', '--approve', 'yes');
    await hasInvites(bob, 2);
    await owner.ask('daemon.stop', 'stop');

    const joining = carol.start('join', link, '--name', 'carol');
    await joining.line(/waiting for ada to decide, who is away/);
    // Any command wakes the owner's daemon.
    await owner.approveNext('join');
    assert.is(await joining.exited(), 0);
    assert.ok((await namesAt(carol)).includes('ada'));
    assert.ok((await namesAt(owner)).includes('carol'));
  }));

test('of two who race for a single-use link one gets in; closed links and links for elsewhere let nobody in', () =>
  withMembers(async ({ member }) => {
    const owner = member('o', 'project');
    const racers = [member('b', 'at-bobs'), member('c', 'at-carols')] as const;
    await openShop(owner);
    const single = await linkOf(owner, '--role', 'viewer');
    const codes = await Promise.all(racers.map((racer, n) => racer.refusal('join', single, '--name', `racer${n}`)));
    assert.equal([...codes].sort(), ['INVITE_USED', undefined]);
    const loser = racers[codes.indexOf('INVITE_USED')] as Member;

    const { link: closed, invite } = await owner.ask('invite.create', 'invite', '--role', 'viewer', '--uses', '5');
    await owner.ask('invite.revoke', 'revoke', invite.id);
    assert.is(await loser.refusal('join', closed ?? ''), 'INVITE_REVOKED');
    assert.is(
      await loser.refusal('join', await linkOf(owner, '--role', 'viewer', '--allow-ip', '10.0.0.0/8')),
      'JOIN_DENIED',
    );
    assert.is(await owner.refusal('invite', '--allow-ip', '10.0.0.0/99'), 'BAD_ARGUMENT');
    assert.is((await namesAt(owner)).length, 2);
    assert.is(
      await loser.refusal('join', await linkOf(owner, '--role', 'viewer', '--allow-ip', '127.0.0.1')),
      undefined,
    );
  }));

test.run();
