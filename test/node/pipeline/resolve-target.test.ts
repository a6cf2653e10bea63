import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseTarget, type TargetChoice } from '#node/pipeline/resolve-target.ts';
import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { failure } from '../failure.ts';
import { fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';

function choice(n: number, state: Target['state'] = 'running', pausedAt?: number): TargetChoice {
  return { target: fakeTarget(targetId(1, n), { state, name: `app-${n}` }), pausedAt, reachable: true };
}

/** Its host is away. */
function away(choice: TargetChoice): TargetChoice {
  return { ...choice, reachable: false };
}

/** Of a sandbox with these targets. */
function choose(wanted: TargetId | undefined, choices: readonly TargetChoice[], ended = false): TargetId {
  const target = (id: TargetId): Target => {
    const found = choices.find((each) => each.target.id === id);
    if (found === undefined) throw new SandboxError('TARGET_UNKNOWN', `no target ${id}`);
    return found.target;
  };
  return chooseTarget(wanted, { target, targetChoices: () => choices }, ended);
}

test('a named target is taken whatever its state, and an unknown one is not', async () => {
  const choices = [choice(1), choice(2, 'exited')];
  assert.is(choose(targetId(1, 2), choices), targetId(1, 2));
  const error = await failure(() => choose(targetId(1, 3), choices));
  assert.is(error.code, 'TARGET_UNKNOWN');
  assert.match(error.message, targetId(1, 3));
});

test('without a name the only live target is meant, whatever has ended', () => {
  for (const state of ['starting', 'running', 'paused', 'restarting'] as const) {
    assert.is(choose(undefined, [choice(1, 'exited'), choice(2, state), choice(3, 'detached')]), targetId(1, 2));
  }
});

test('of several live ones the one that paused last is meant', () => {
  const choices = [choice(1, 'paused', 10), choice(2), choice(3, 'paused', 30), choice(4, 'paused', 20)];
  assert.is(choose(undefined, choices), targetId(1, 3));
});

test('several that run and none that is paused are listed to choose from', async () => {
  const error = await failure(() => choose(undefined, [choice(1), choice(2), choice(3, 'exited')]));
  assert.is(error.code, 'TARGET_UNKNOWN');
  assert.match(error.message, '2 targets');
  assert.match(error.hint ?? '', `${targetId(1, 1)} (app-1), ${targetId(1, 2)} (app-2).`);
});

test('a program with worker threads is meant itself unless one of them stands', async () => {
  const thread = (n: number, state: Target['state'] = 'running', pausedAt?: number): TargetChoice => ({
    target: fakeTarget(targetId(1, n), { state, name: `job-${n}`, thread: n }),
    pausedAt,
    reachable: true,
  });
  assert.is(choose(undefined, [thread(2), choice(1), thread(3)]), targetId(1, 1));
  assert.is(choose(undefined, [choice(1), thread(2, 'paused', 5), thread(3)]), targetId(1, 2));
  const error = await failure(() => choose(undefined, [choice(1), choice(4), thread(2)]));
  assert.match(error.message, '3 targets');
});

test('no live target says how to get one', async () => {
  for (const choices of [[], [choice(1, 'exited'), choice(2, 'detached')]]) {
    const error = await failure(() => choose(undefined, choices));
    assert.is(error.code, 'TARGET_UNKNOWN');
    assert.match(error.hint ?? '', 'sandmesh run');
  }
});

test('what the last one left is read when nothing lives', async () => {
  const began = (n: number, startedAt: number, state: Target['state'] = 'exited'): TargetChoice => {
    const made = choice(n, state);
    return { ...made, target: { ...made.target, startedAt } };
  };
  const all = [began(1, 10), began(2, 30), began(3, 20)];
  assert.is(choose(undefined, all, true), targetId(1, 2));
  assert.is(choose(undefined, [...all, began(4, 5, 'running')], true), targetId(1, 4));
  assert.is(choose(undefined, [away(began(1, 40)), ...all.slice(1)], true), targetId(1, 2));
  const error = await failure(() => choose(undefined, all));
  assert.match(error.hint ?? '', 'sandmesh log');
  assert.is((await failure(() => choose(undefined, [], true))).code, 'TARGET_UNKNOWN');
});

test('what a host that is away said last is meant only where there is nothing else', async () => {
  assert.is(choose(undefined, [away(choice(1)), choice(2)]), targetId(1, 2));
  assert.is(choose(undefined, [away(choice(1, 'paused', 10)), choice(2)]), targetId(1, 2));
  assert.is(choose(undefined, [away(choice(1)), choice(2, 'exited')]), targetId(1, 1));
  assert.is(choose(targetId(1, 1), [away(choice(1)), choice(2)]), targetId(1, 1));
  const error = await failure(() => choose(undefined, [away(choice(1)), away(choice(2))]));
  assert.match(error.message, '2 targets');
});

test.run();
