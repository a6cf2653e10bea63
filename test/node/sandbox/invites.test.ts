import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LinkOptions, printLink } from '#node/sandbox/invites.ts';
import { type LocalRecord, readLocalRecord, writeLocalRecord } from '#node/sandbox/local-record.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';
import { type FakeReplica, fakeReplica } from './fake-replica.ts';

const DAY_MS = 24 * 3600_000;
const OPTIONS: LinkOptions = {
  role: 'debugger',
  expiresMs: DAY_MS,
  fresh: false,
  peers: [{ key: new Uint8Array(32).fill(1), addresses: [] }],
};

function emptyRecord(): LocalRecord {
  return { version: 1, name: 'shop', folder: '/shop', reach: 'loopback', invites: [] };
}

async function print(replica: FakeReplica, record: LocalRecord, change: Partial<LinkOptions> = {}) {
  const printed = await printLink(replica, record, { ...OPTIONS, ...change });
  if (printed === undefined) throw new Error('no link was printed');
  return printed;
}

test('only where the control key lies can a link be printed', async () => {
  assert.is(await printLink(fakeReplica({ owner: false }), emptyRecord(), OPTIONS), undefined);
});

test('a second run prints the same link, a fresh one or another role a new one', async () => {
  const replica = fakeReplica();
  const first = await print(replica, emptyRecord());
  assert.is((await print(replica, first.record)).link, first.link);
  const fresh = await print(replica, first.record, { fresh: true });
  const viewer = await print(replica, fresh.record, { role: 'viewer' });
  assert.is(new Set([first.link, fresh.link, viewer.link]).size, 3);
  assert.equal([viewer.role, viewer.record.invites.length, replica.invites.size], ['viewer', 3, 3]);
});

test('roles that can touch a process wait for approval, the others do not; each admits one', async () => {
  for (const [role, approval] of [
    ['viewer', false],
    ['commenter', false],
    ['debugger', true],
    ['editor', true],
  ] as const) {
    const replica = fakeReplica();
    await print(replica, emptyRecord(), { role });
    const [invite] = [...replica.invites.values()];
    assert.equal([invite?.role, invite?.approval, invite?.uses], [role, approval, 1]);
  }
});

test('a link that was used, revoked, forgotten by the log or is about to expire is not printed again', async () => {
  const spoilers = [{ used: 1 }, { revoked: true }, { expiresAt: Date.now() - 1 }, undefined];
  for (const spoiler of spoilers) {
    const replica = fakeReplica();
    const first = await print(replica, emptyRecord());
    const [key, invite] = [...replica.invites][0] ?? [];
    if (key === undefined || invite === undefined) throw new Error('no invite was made');
    if (spoiler === undefined) replica.invites.delete(key);
    else replica.invites.set(key, { ...invite, ...spoiler });
    const second = await print(replica, first.record);
    assert.is.not(second.link, first.link);
    assert.equal(second.record.invites.length, 1, 'the spent one is dropped from the record');
  }
  const replica = fakeReplica();
  const short = await print(replica, emptyRecord(), { expiresMs: 30 * 60_000 });
  assert.is.not((await print(replica, short.record)).link, short.link);
});

test('the record is kept 0600 and comes back whole; anything else in its place is refused by name', () =>
  withFolder(async (folder) => {
    assert.is(readLocalRecord(folder), undefined);
    const { record } = await print(fakeReplica(), emptyRecord());
    writeLocalRecord(folder, record);
    const file = join(folder, 'local.json');
    assert.equal(readLocalRecord(folder), record);
    assert.is(statSync(file).mode & 0o777, 0o600);
    const good = readFileSync(file, 'utf8');
    for (const text of [
      '{',
      'null',
      '[]',
      good.replace('"version": 1', '"version": 2'),
      good.replace('"loopback"', '"world"'),
    ]) {
      await writeFile(file, text);
      const error = await failure(() => readLocalRecord(folder));
      assert.is(error.code, 'STORAGE_CORRUPT');
      assert.match(error.message, `"${file}"`);
    }
  }));

test.run();
