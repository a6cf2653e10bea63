import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { entriesText } from '#node/sandbox/control-entry-text.ts';
import type { ControlEntry, ControlEntryBody } from '#protocol/control-entry.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

const bob = 2 as MemberId;
const nameOf = (member: MemberId): string => (member === bob ? 'bob' : `member ${member}`);

function text(...bodies: ControlEntryBody[]): string {
  const common = { v: 1, sandbox: 'ab'.repeat(20) as SandboxId, log: 0, previous: '', at: 0 } as const;
  return entriesText(
    bodies.map((body, index) => ({ ...common, seq: index + 1, ...body }) as ControlEntry),
    nameOf,
  );
}

test('a branch is told by what was decided on it', () => {
  const key = 'cd'.repeat(32);
  const link = { role: 'viewer', uses: 1, expiresAt: 0, approval: true, admitter: 0 } as const;
  assert.is(
    text(
      { type: 'invite', key, ...link },
      { type: 'grant', member: 3 as MemberId, key, name: 'carol', role: 'viewer' },
      { type: 'role', member: bob, role: 'editor', frontier: [] },
      { type: 'revoke', member: 3 as MemberId, frontier: [] },
    ),
    'a link as viewer, carol joined as viewer, bob made editor, member 3 removed',
  );
});

test('of a long one the latest entries are told, and how many there are besides', () => {
  const roles = ['viewer', 'editor', 'viewer', 'editor', 'viewer', 'debugger'] as const;
  assert.is(
    text(...roles.map((role): ControlEntryBody => ({ type: 'role', member: bob, role, frontier: [] }))),
    '2 more, bob made viewer, bob made editor, bob made viewer, bob made debugger',
  );
});

test.run();
