import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallLimits } from '#node/pipeline/limits.ts';
import { failure } from '../failure.ts';

function clocked(): { limits: CallLimits; advance: (ms: number) => void } {
  let now = 1_000_000;
  const limits = new CallLimits(() => now);
  return {
    limits,
    advance: (ms) => {
      now += ms;
    },
  };
}

test('64 calls may run at once, and one that ends makes room for one', async () => {
  const { limits } = clocked();
  const leaves = Array.from({ length: 64 }, () => limits.enter('a'));
  const error = await failure(() => limits.enter('a'));
  assert.is(error.code, 'LIMIT_EXCEEDED');
  assert.match(error.message, '64 are running');
  leaves[0]?.();
  const leave = limits.enter('a');
  assert.is((await failure(() => limits.enter('a'))).code, 'LIMIT_EXCEEDED');
  leave();
});

test('leaving twice gives one place back, not two', async () => {
  const { limits } = clocked();
  const leaves = Array.from({ length: 64 }, () => limits.enter('a'));
  leaves[0]?.();
  leaves[0]?.();
  limits.enter('a');
  assert.is((await failure(() => limits.enter('a'))).code, 'LIMIT_EXCEEDED');
});

test('a burst of 2,000 passes, then 500 a second', async () => {
  const { limits, advance } = clocked();
  const burst = (count: number): void => {
    for (let i = 0; i < count; i++) limits.enter('a')();
  };
  burst(2_000);
  assert.match((await failure(() => limits.enter('a'))).message, '500 commands a second');
  advance(1_000);
  burst(500);
  assert.is((await failure(() => limits.enter('a'))).code, 'LIMIT_EXCEEDED');
  advance(3_600_000);
  burst(2_000);
  assert.is((await failure(() => limits.enter('a'))).code, 'LIMIT_EXCEEDED');
});

test('a refused call takes no place and no share of the rate', async () => {
  const { limits, advance } = clocked();
  for (let i = 0; i < 2_000; i++) limits.enter('a')();
  for (let i = 0; i < 10; i++) await failure(() => limits.enter('a'));
  advance(2);
  limits.enter('a')();
});

test('one asker’s flood leaves the others alone', () => {
  const { limits } = clocked();
  for (let i = 0; i < 64; i++) limits.enter('flood');
  limits.enter('other')();
});

test('what a member’s calls carry is paid for by waiting; local clients pay nothing', () => {
  let now = 0;
  const limits = new CallLimits(() => now);
  const big = 40 * 1024 * 1024;
  for (let n = 0; n < 2; n++) {
    limits.enter('guest')();
    limits.spend('guest', big);
  }
  assert.throws(() => limits.enter('guest'), /too much was asked for/);
  limits.enter('another')();
  now += 2_000;
  limits.enter('guest')();
  for (let n = 0; n < 10; n++) limits.spend('local', big);
  limits.enter('local')();
});

test.run();
