// test: limit 180 s
/** A member who was removed, heard of it or not, and opens a new link in the same home. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from './mesh/members.ts';

async function linkFor(owner: Member): Promise<string> {
  return (await owner.ask('invite.create', 'invite', '--role', 'viewer')).link ?? '';
}

/** The names of those who are members now, as one of them has it. */
async function active(member: Member): Promise<string[]> {
  const { members } = await member.ask('member.list', 'members');
  return members.filter(({ removed }) => !removed).map(({ name }) => name);
}

function withBob(body: (owner: Member, bob: Member) => Promise<void>): Promise<void> {
  return withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await owner.ask('config.set', 'config', 'set', 'name', 'ada');
    await owner.ask('sandbox.open', 'open');
    await bob.ask('sandbox.join', 'join', await linkFor(owner), '--name', 'bob');
    await body(owner, bob);
  });
}

test('a removed member is let in again by a new link, and told what it is until then', () =>
  withBob(async (owner, bob) => {
    await owner.ask('member.revoke', 'revoke', 'bob');
    await eventually('bob to hear of it', async () =>
      (await bob.refusal('chat', 'and after')) === 'MEMBER_UNKNOWN' ? true : undefined,
    );
    const { stdout, code } = await bob.cli('status');
    assert.is(code, 0);
    assert.match(stdout, /you were removed/);
    assert.equal((await bob.ask('chat.list', 'chat')).lines, []);
    const joined = await bob.ask('sandbox.join', 'join', await linkFor(owner), '--name', 'bob');
    assert.is(joined.sandbox.self, 3);
    assert.equal(await active(bob), ['ada', 'bob']);
    await eventually('both to meet', async () => {
      const { members } = await owner.see('member.list');
      return members.some(({ id, online }) => id === 3 && online) ? true : undefined;
    });
  }));

test('so is one who was away when it was removed; a link that is used up says so', () =>
  withBob(async (owner, bob) => {
    await bob.ask('daemon.stop', 'stop');
    await owner.ask('member.revoke', 'revoke', 'bob');
    const link = await linkFor(owner);
    const { sandbox } = await bob.ask('sandbox.join', 'join', link, '--name', 'bob');
    assert.is(sandbox.self, 3);
    assert.equal(await active(owner), ['ada', 'bob']);
    await owner.ask('member.revoke', 'revoke', 'bob');
    assert.is(await bob.refusal('join', link), 'INVITE_USED');
  }));

test('who opens a link twice at once is in once', () =>
  withMembers(async ({ member }) => {
    const [owner, bob] = [member('o', 'project'), member('b', 'at-bobs')];
    await owner.ask('sandbox.open', 'open');
    const { link = '' } = await owner.ask('invite.create', 'invite', '--role', 'viewer', '--uses', '3');
    const client = await bob.ask('config.set', 'config', 'set', 'name', 'bob').then(() => bob.client());
    const joined = await Promise.all([1, 2, 3].map(() => client.call('sandbox.join', { link })));
    assert.equal(
      joined.map(({ sandbox }) => sandbox.self),
      [2, 2, 2],
    );
    assert.is((await active(owner)).length, 2);
  }));

test('a member who opens a link again stays who it is, also while nobody answers', () =>
  withBob(async (owner, bob) => {
    const link = await linkFor(owner);
    assert.is((await bob.ask('sandbox.join', 'join', link)).sandbox.self, 2);
    await bob.ask('daemon.stop', 'stop');
    assert.is((await bob.ask('sandbox.join', 'join', link)).sandbox.self, 2);
    await owner.ask('daemon.stop', 'stop');
    await bob.ask('daemon.stop', 'stop');
    assert.is((await bob.ask('sandbox.join', 'join', link)).sandbox.self, 2);
    assert.equal(
      (await owner.ask('invite.list', 'invites')).invites.map(({ used }) => used).at(-1),
      0,
      'and uses no link up',
    );
  }));

test.run();
