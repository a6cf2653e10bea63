import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { controlWarnings, watchControlLogs } from '#node/sandbox/control-notices.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { fakeReplica } from './fake-replica.ts';

const MEMBERS = { 1: { name: 'Olga', role: 'owner' }, 2: { name: 'Dana', role: 'editor' } } as const;

test('who is removed is told at once, and once, and warned as long as it is so', () => {
  const replica = fakeReplica({ self: 2, members: MEMBERS, owner: false });
  const told: string[] = [];
  const stop = watchControlLogs(replica, (text) => told.push(text));
  const remove = (id: MemberId): void => {
    const record = replica.members.get(id);
    if (record !== undefined) replica.members.set(id, { ...record, removed: true });
    replica.events.emit('control', replica.control);
  };
  remove(1 as MemberId);
  assert.equal([told, controlWarnings(replica)], [[], []]);
  remove(2 as MemberId);
  remove(2 as MemberId);
  stop();
  assert.is(told.length, 1);
  assert.match(told[0] ?? '', /you were removed.*new link/);
  assert.equal(controlWarnings(replica), told);
  watchControlLogs(replica, (text) => told.push(text))();
  assert.is(told.length, 1);
});

test('a locked control key is warned of, with both ways out', () => {
  const replica = fakeReplica({ members: MEMBERS });
  assert.equal(controlWarnings(replica), []);
  const assertUnlocked = (): void => {
    throw new SandboxError('KEY_LOCKED', 'locked');
  };
  Object.assign(replica.authority as object, { assertUnlocked });
  const [warning = '', ...others] = controlWarnings(replica);
  assert.match(warning, /locked.*sandmesh key unlock.*sandmesh recover/);
  assert.equal(others, []);
});

test.run();
