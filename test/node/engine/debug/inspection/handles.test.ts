/** Names of what a client has seen: bounded, and void when the program moves on. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HandleTable } from '#node/engine/debug/inspection/handles.ts';
import { failure } from '../../../failure.ts';

const MOST = 20_000;

test('a client that opens more than 20,000 values at one stop loses the oldest, and no other', async () => {
  const table = new HandleTable();
  const handles = Array.from({ length: MOST }, (_, i) => table.addObject(`object-${i}`, 'value'));
  const [first = '', second = ''] = handles;
  assert.is(await table.get(first).objectId, 'object-0');
  const beyond = table.addObject('one-more', 'value');
  const refusal = await failure(() => table.get(first));
  assert.equal([refusal.code, refusal.hint], ['HANDLE_STALE', 'Look at the scopes again.']);
  assert.is(await table.get(second).objectId, 'object-1');
  assert.is(await table.get(beyond).objectId, 'one-more');
});

test('a handle of an earlier stop never names a value of a later one', async () => {
  const table = new HandleTable();
  const before = table.addObject('before', 'value');
  table.clear();
  const after = [1, 2, 3].map((n) => table.addObject(`after-${n}`, 'value'));
  assert.not.ok(after.includes(before));
  assert.is((await failure(() => table.get(before))).code, 'HANDLE_STALE');
});

test.run();
