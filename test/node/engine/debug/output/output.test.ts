import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Output } from '#node/engine/debug/output/output.ts';
import type { Timers } from '#node/engine/debug/timers.ts';
import type { TargetId } from '#shared/ids.ts';
import type { ConsoleLine } from '#shared/model/target.ts';

const TARGET = '1.00000000' as TargetId;
const still: Timers = { now: () => 1, after: () => () => undefined };

test('100,000 lines at once are bounded, and the gap is told', () => {
  const batches: ConsoleLine[][] = [];
  const output = new Output(TARGET, still, (lines) => batches.push(lines));
  let made = 0;
  for (let i = 0; i < 100_000; i += 1) {
    output.add('log', () => {
      made += 1;
      return `line ${i}`;
    });
  }
  output.flush();
  const [lines = []] = batches;
  assert.is(made, 200);
  assert.is(lines.at(-1)?.dropped, 99_800);
  assert.is(lines.at(-1)?.stream, 'system');
  output.add('log', () => 'after');
  assert.is(output.read().at(-1)?.sequence, 100_001);
});

test('reading continues after a sequence, and only so many lines are kept', () => {
  const limits = { keptLines: 3, batchEveryMs: 1, batchLines: 10, batchLength: 1000 };
  const output = new Output(TARGET, still, () => undefined, limits);
  for (const text of ['a', 'b', 'c', 'd']) output.add('log', () => text);
  assert.equal(
    output.read().map(({ text }) => text),
    ['b', 'c', 'd'],
  );
  assert.equal(
    output.read(3).map(({ text }) => text),
    ['d'],
  );
});

test.run();
