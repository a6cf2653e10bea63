/** What of a command is written down, and what is told of faults. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../failure.ts';
import { targetId } from '../sandbox/fake-sandbox.ts';
import { type Handle, peer, rig } from './rig.ts';

test('audited commands are reported with who, what and how; others are not', async () => {
  const { ask, outcomes, begun } = rig();
  await ask('execution.pause');
  await ask('member.list');
  await ask('target.detach', { target: targetId(1) });
  assert.equal(outcomes[0], {
    command: 'execution.pause',
    member: 1,
    target: targetId(1),
    origin: 'local',
    policy: { verdict: 'allow', level: 'development', source: 'default' },
    begun: 1,
    outcome: 'ok',
    reason: undefined,
    denied: false,
  });
  assert.equal(begun, [
    ['execution.pause', 0],
    ['target.detach', 2],
  ]);
  assert.equal(outcomes.map(({ command, target }) => [command, target]).slice(1), [['target.detach', targetId(1)]]);
});

test('an audited command that failed is reported once, with its code', async () => {
  const handle: Handle = () => Promise.reject(new SandboxError('NOT_PAUSED', 'it runs'));
  const { ask, outcomes } = rig({ handle });
  await failure(() => ask('execution.resume'));
  assert.equal(
    outcomes.map(({ outcome, reason }) => [outcome, reason]),
    [['NOT_PAUSED', 'it runs']],
  );
});

test('reading a forbidden file is reported although reading is not audited', async () => {
  const handle: Handle = () => Promise.reject(new SandboxError('PATH_FORBIDDEN', 'Cannot serve ".env"'));
  const { ask, outcomes } = rig({ handle });
  await failure(() => ask('source.get', {}, { origin: peer(2) }));
  assert.equal(
    outcomes.map(({ outcome, member }) => [outcome, member]),
    [['PATH_FORBIDDEN', 2]],
  );
});

test('a fault of ours is logged whole, shown to the local user, and kept from peers', async () => {
  const fault = new TypeError('ENOENT: /home/olga/.ssh');
  const { ask, faults } = rig({ handle: () => Promise.reject(fault) });
  assert.match((await failure(() => ask('member.list'))).message, '/home/olga');
  const seen = await failure(() => ask('member.list', {}, { origin: peer(2) }));
  assert.is(seen.code, 'INTERNAL');
  assert.not.match(`${seen.message} ${seen.hint}`, 'olga');
  assert.is(seen.cause, undefined);
  assert.equal(faults, [fault, fault]);
});

test('a command that the catalogue has and this daemon does not serve is refused', async () => {
  const { ask } = rig({ pipeline: { sandboxHandlers: {}, daemonHandlers: {} } });
  assert.is((await failure(() => ask('member.list'))).code, 'UNKNOWN_COMMAND');
  assert.is((await failure(() => ask('daemon.status'))).code, 'UNKNOWN_COMMAND');
});

test('a sandbox that cannot be resolved refuses, with its own code', async () => {
  const resolveSandbox = async (): Promise<never> => {
    throw new SandboxError('SANDBOX_UNKNOWN', 'no sandbox here');
  };
  const { ask, executed } = rig({ pipeline: { resolveSandbox } });
  assert.is((await failure(() => ask('member.list'))).code, 'SANDBOX_UNKNOWN');
  assert.equal(executed, []);
});

test.run();
