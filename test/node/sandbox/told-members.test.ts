import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ToldMembers } from '#node/sandbox/told-members.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Member } from '#shared/model/member.ts';

function view(id: number, change: Partial<Member> = {}): Member {
  const rest = { role: 'viewer', fingerprint: 'ab', color: '#fff', online: true, self: false, removed: false } as const;
  return { id: id as MemberId, name: `m${id}`, ...rest, ...change };
}

test('a member is told once, and again when something about it changed', () => {
  const told = new ToldMembers();
  const names = (views: readonly Member[]): string[] => told.news(views).map(({ name }) => name);
  assert.equal(names([view(1), view(2)]), ['m1', 'm2']);
  assert.equal(names([view(1), view(2), view(3)]), ['m3']);
  assert.equal(names([view(1), view(2), view(3)]), []);
  for (const change of [{ role: 'editor' }, { online: false }, { removed: true }, { warning: 'like m1' }] as const) {
    assert.equal(names([view(1), view(2, change), view(3)]), ['m2'], JSON.stringify(change));
  }
});

test('when somebody was last seen and where it looks are no news', () => {
  const told = new ToldMembers();
  told.news([view(1)]);
  const presence = { member: 1 as MemberId, file: 'a.js' } as unknown as NonNullable<Member['presence']>;
  assert.equal(told.news([view(1, { lastSeenAt: 5, presence })]), []);
});

test.run();
