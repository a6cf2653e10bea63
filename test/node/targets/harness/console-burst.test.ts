import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConsoleBurst, MAX_CALLS_PER_WINDOW, WINDOW_MS } from '#node/targets/harness/console-burst.ts';

test('a window admits its number and counts the rest; the next one admits again', () => {
  const burst = new ConsoleBurst();
  const admitted = (nowMs: number): number =>
    Array.from({ length: 1000 }, () => burst.admit(nowMs)).filter(Boolean).length;
  assert.is(admitted(50), MAX_CALLS_PER_WINDOW);
  assert.is(burst.takeDropped(), 1000 - MAX_CALLS_PER_WINDOW);
  assert.is(burst.takeDropped(), 0);
  assert.is(admitted(50 + WINDOW_MS - 1), 0);
  assert.is(admitted(50 + WINDOW_MS), MAX_CALLS_PER_WINDOW);
  burst.drop();
  assert.is(burst.takeDropped(), 1000 + 1000 - MAX_CALLS_PER_WINDOW + 1);
});

test.run();
