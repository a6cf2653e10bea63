/** A command’s time, its caller’s patience, and the places it takes. */

import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallLimits } from '#node/pipeline/limits.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../failure.ts';
import { fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';
import { type Handle, MEMBERS, peer, rig } from './rig.ts';

test('a command over its time is TIMEOUT, whether its handler heeds the signal or not', async () => {
  const handlers: Handle[] = [
    () => new Promise(() => undefined),
    (_args, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    (_args, signal) => delay(60_000, {}, { signal }),
  ];
  for (const handle of handlers) {
    const { ask, outcomes } = rig({ handle });
    const error = await failure(() => ask('execution.pause', {}, { timeoutMs: 5 }));
    assert.is(error.code, 'TIMEOUT');
    assert.match(error.message, '"execution.pause" took longer than 5 ms');
    assert.equal(
      outcomes.map(({ outcome }) => outcome),
      ['TIMEOUT'],
    );
  }
});

test('a caller cannot ask for more time than the command has', async () => {
  const { ask, peerCalls } = rig({
    sandbox: fakeSandbox({ members: MEMBERS, self: 4, targets: [fakeTarget(targetId(1))] }),
  });
  await ask('execution.pause', {}, { timeoutMs: 10 ** 9 });
  assert.is(peerCalls[0]?.[4].timeoutMs, catalogue['execution.pause'].timeoutMs);
});

test('a caller that gives up ends the call as cancelled, not as timed out', async () => {
  const { ask } = rig({ handle: () => new Promise(() => undefined) });
  const controller = new AbortController();
  const asked = failure(() => ask('member.list', {}, { signal: controller.signal }));
  controller.abort(new SandboxError('CANCELLED', 'The caller gave up'));
  assert.is((await asked).code, 'CANCELLED');
});

test('places are given back whatever became of the call', async () => {
  let n = 0;
  const handle: Handle = async () => {
    n += 1;
    if (n % 3 === 0) throw new SandboxError('NOT_PAUSED', 'not paused');
    if (n % 3 === 1) throw new TypeError('planted');
    return {};
  };
  const { ask } = rig({ handle });
  const calls: (() => Promise<unknown>)[] = [
    () => ask('member.list', {}, { origin: peer(4) }),
    () => ask('no.such', {}, { origin: peer(4) }),
    () => ask('chat.list', { limit: -1 }, { origin: peer(4) }),
    () => ask('daemon.stop', {}, { origin: peer(4) }),
    () => ask('execution.pause', {}, { origin: peer(2) }),
    () => ask('member.list', {}, { origin: peer(4), signal: AbortSignal.abort(new Error('gone')) }),
  ];
  for (let i = 0; i < 200; i++) {
    for (const call of calls) {
      const error = await call().then(() => undefined, SandboxError.from);
      assert.is.not(error?.code, 'LIMIT_EXCEEDED');
    }
  }
});

test('a call that outlives its time keeps its place until it ends, and other members theirs', async () => {
  const running: (() => void)[] = [];
  const { ask } = rig({ handle: () => new Promise((resolve) => running.push(() => resolve({}))) });
  const stuck = Array.from({ length: 64 }, () =>
    failure(() => ask('member.list', {}, { origin: peer(4), timeoutMs: 5 })),
  );
  for (const error of await Promise.all(stuck)) assert.is(error.code, 'TIMEOUT');
  const next = (member: number): Promise<SandboxError> =>
    failure(() => ask('member.list', {}, { origin: peer(member), timeoutMs: 5 }));
  assert.is((await next(4)).code, 'LIMIT_EXCEEDED');
  assert.is((await next(5)).code, 'TIMEOUT');
  running[0]?.();
  await setImmediate();
  assert.is((await next(4)).code, 'TIMEOUT');
});

test('refusals are rate limited too: each is a line in the audit log', async () => {
  let now = 0;
  const { ask, outcomes } = rig({ pipeline: { limits: new CallLimits(() => now) } });
  const codes = new Set<string>();
  for (let i = 0; i < 2_100; i++) codes.add((await failure(() => ask('daemon.stop', {}, { origin: peer(4) }))).code);
  assert.equal([...codes], ['FORBIDDEN', 'LIMIT_EXCEEDED']);
  assert.is(outcomes.length, 2_000);
  now += 1_000;
  assert.is((await failure(() => ask('daemon.stop', {}, { origin: peer(4) }))).code, 'FORBIDDEN');
});

test.run();
