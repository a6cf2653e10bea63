import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NarrowedMembers } from '#node/sandbox/narrowed-members.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { type FakeMember, fakeReplica } from './fake-replica.ts';

function members(of: Readonly<Record<number, FakeMember>>) {
  return fakeReplica({ members: of }).members.values();
}

function bob(role: Role, removed = false) {
  return members({ 2: { name: 'bob', role, removed } });
}

test('the first look names those who may not run code anyway: their rights may have shrunk while nobody looked', () => {
  const narrowed = new NarrowedMembers();
  const found = narrowed.look(
    members({
      1: { name: 'olga', role: 'owner' },
      2: { name: 'bob', role: 'debugger' },
      3: { name: 'carol', role: 'viewer' },
      4: { name: 'dave', role: 'editor', removed: true },
    }),
  );
  assert.equal(found, [3, 4] as MemberId[]);
});

test('a demotion and a removal are named once, a promotion and a newcomer never', () => {
  const narrowed = new NarrowedMembers();
  const steps: readonly [ReturnType<typeof bob>, number[]][] = [
    [bob('editor'), []],
    [bob('editor'), []],
    [bob('debugger'), [2]],
    [bob('debugger'), []],
    [bob('editor'), []],
    [bob('editor', true), [2]],
    [bob('editor', true), []],
    [bob('debugger'), []],
  ];
  for (const [now, expected] of steps) assert.equal(narrowed.look(now), expected as MemberId[]);
});

test.run();
