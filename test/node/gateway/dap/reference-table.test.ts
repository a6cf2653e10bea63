/** The numbers an editor names things by: none is given twice, and whoever takes too many loses the oldest, and is told. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReferenceCounter, ReferenceTable } from '#node/gateway/dap/reference-table.ts';
import { failure } from '../../failure.ts';

const MOST = 50_000;

test('the 50,000th reference is kept like the first, the next takes the place of the oldest', async () => {
  let lost = 0;
  const table = new ReferenceTable<string>('value', new ReferenceCounter(), () => {
    lost += 1;
  });
  const references = Array.from({ length: MOST }, (_, i) => table.add(`value ${i}`));
  const [first = 0, second = 0] = references;
  const last = references.at(-1) ?? 0;
  assert.equal([table.get(first), table.get(last), lost], ['value 0', `value ${MOST - 1}`, 0]);

  const beyond = table.add('one more');
  // What carries answers to the editor forgets those that name the oldest before it can be told of the newest.
  assert.is(lost, 1);
  assert.is(table.get(beyond), 'one more');
  assert.is(table.get(second), 'value 1');
  const refusal = await failure(() => table.get(first));
  assert.is(refusal.code, 'HANDLE_STALE');
  assert.match(refusal.hint ?? '', 'Look at the stack again');

  for (let i = 0; i < MOST; i++) table.add('later');
  assert.is(lost, MOST + 1);
  assert.is((await failure(() => table.get(beyond))).code, 'HANDLE_STALE');
});

test('no number means something in another table, nor anything after the program has moved on', async () => {
  const counter = new ReferenceCounter();
  const [frames, values] = [new ReferenceTable<number>('frame', counter), new ReferenceTable<string>('value', counter)];
  const frame = frames.add(0);
  const value = values.add('tea');
  assert.is.not(frame, value);
  assert.is((await failure(() => values.get(frame))).code, 'HANDLE_STALE');
  values.clear();
  assert.is((await failure(() => values.get(value))).code, 'HANDLE_STALE');
  assert.is.not(values.add('tea'), value);
  assert.is(frames.get(frame), 0);
});

test.run();
