/** Where a command goes, and what the host says to it. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Caller } from '#node/pipeline/context.ts';
import { type CommandName, catalogue, commandDefinition } from '#protocol/catalogue/catalogue.ts';
import type { MemberId } from '#shared/ids.ts';
import { failure } from '../failure.ts';
import { SANDBOX } from '../sandbox/fake-replica.ts';
import { fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';
import { ARGS, MEMBERS, type PeerCall, peer, rig } from './rig.ts';

test('a peer must name the sandbox, and its folder means nothing here', async () => {
  const { ask, resolved, executed } = rig();
  const nameless = await failure(() => ask('member.list', {}, { origin: peer(4), sandbox: undefined }));
  assert.is(nameless.code, 'BAD_ARGUMENT');
  assert.equal(resolved, []);
  await ask('member.list', {}, { origin: peer(4), folder: '/secret' });
  assert.equal(resolved, [[SANDBOX, undefined]]);
  assert.is(executed[0]?.context['folder'], undefined);
});

test('a local request is resolved by sandbox or folder, and both reach the handler', async () => {
  const { ask, resolved, executed } = rig();
  await ask('member.list', {}, { sandbox: undefined });
  assert.equal(resolved, [[undefined, '/shop']]);
  assert.is(executed[0]?.context['folder'], '/shop');
  assert.equal(executed[0]?.context['caller'], { member: 1, local: true, session: 'cli-1' });
});

test('a daemon command needs no sandbox and resolves none', async () => {
  const { ask, resolved } = rig();
  await ask('daemon.status', {}, { sandbox: undefined, folder: undefined });
  assert.equal(resolved, []);
});

test('a handler knows the token behind a request, about a sandbox or about the daemon', async () => {
  const { ask, executed } = rig();
  const access = { tokenId: 't', scopes: new Set(['read'] as const), authenticatedAt: 1 };
  for (const command of ['member.list', 'token.list']) {
    await ask(command, {}, { origin: { kind: 'local', scopes: access.scopes, access } });
    assert.is((executed.at(-1)?.context['caller'] as Caller | undefined)?.access, access, command);
  }
});

test('a host command about another member’s target goes there with the target filled in', async () => {
  const sandbox = fakeSandbox({ members: MEMBERS, self: 4, targets: [fakeTarget(targetId(1))] });
  const { ask, peerCalls, executed, outcomes } = rig({ sandbox });
  assert.equal(await ask('execution.step', { kind: 'over' }, { timeoutMs: 1_234 }), { from: 'peer' });
  assert.is(peerCalls.length, 1);
  const [id, host, command, args, options] = peerCalls[0] as PeerCall;
  assert.equal([id, host, command], [SANDBOX, 1, 'execution.step']);
  assert.equal(args, { kind: 'over', target: targetId(1) });
  assert.is(options.timeoutMs, 1_234);
  assert.not(options.signal.aborted);
  assert.equal(executed, []);
  assert.equal(
    outcomes.map(({ outcome, target }) => [outcome, target]),
    [['ok', targetId(1)]],
  );
});

test('a host command needs no consent at the asker’s daemon, only the role', async () => {
  const members = { ...MEMBERS, 8: { name: 'Vito', role: 'viewer' } } as const;
  const debugging = rig({ sandbox: fakeSandbox({ members, self: 4, targets: [fakeTarget(targetId(1))] }) });
  await debugging.ask('inspect.evaluate', { expression: '1' });
  assert.is(debugging.peerCalls.length, 1);
  assert.equal(debugging.sandbox.requests.list(), []);
  const viewing = rig({ sandbox: fakeSandbox({ members, self: 8, targets: [fakeTarget(targetId(1))] }) });
  assert.is((await failure(() => viewing.ask('inspect.evaluate', { expression: '1' }))).code, 'FORBIDDEN');
  assert.equal(viewing.peerCalls, []);
});

test('a peer cannot reach a third member’s target through us', async () => {
  const sandbox = fakeSandbox({ members: MEMBERS, targets: [fakeTarget(targetId(1)), fakeTarget(targetId(5))] });
  const { ask, peerCalls, executed } = rig({ sandbox });
  for (const name of Object.keys(catalogue) as CommandName[]) {
    if (commandDefinition(name).at !== 'host') continue;
    const args = { ...ARGS[name], target: targetId(5) };
    assert.is((await failure(() => ask(name, args, { origin: peer(6) }))).code, 'TARGET_UNKNOWN', name);
  }
  assert.equal(peerCalls, []);
  assert.equal(executed, []);
});

test('a handler gets the target it was resolved to', async () => {
  const targets = [fakeTarget(targetId(1, 1)), fakeTarget(targetId(1, 2), { state: 'paused' })];
  const { ask, executed } = rig({ sandbox: fakeSandbox({ members: MEMBERS, targets }) });
  await ask('inspect.stack');
  assert.equal(executed[0]?.args, { target: targetId(1, 2) });
});

test('a guest’s evaluation runs after the host’s yes and not before', async () => {
  const { ask, sandbox, executed } = rig();
  const pending = sandbox.requests.events.next('request');
  const asked = ask('inspect.evaluate', { expression: '1' }, { origin: peer(4) });
  const { request } = await pending;
  assert.equal([request.kind, request.name, request.member, request.right], ['consent', 'Dana', 4, 'evaluate']);
  assert.equal(executed, []);
  sandbox.requests.decide(request.id, { approved: true, role: undefined });
  assert.equal(await asked, { done: true });
});

test('a guest whose role shrank while the host thought about it is refused after the yes', async () => {
  const { ask, sandbox, executed } = rig();
  const pending = sandbox.requests.events.next('request');
  const asked = failure(() => ask('inspect.evaluate', { expression: '1' }, { origin: peer(4) }));
  const { request } = await pending;
  const record = sandbox.replica.members.get(4 as MemberId);
  if (record !== undefined) sandbox.replica.members.set(record.id, { ...record, role: 'viewer' });
  sandbox.requests.decide(request.id, { approved: true, role: undefined });
  assert.is((await asked).code, 'FORBIDDEN');
  assert.equal(executed, []);
});

test('a guest that nobody answers is told to come back, and its question stays', async () => {
  const { ask, sandbox, executed, outcomes } = rig({ pipeline: { consentWaitMs: 5 } });
  const error = await failure(() => ask('inspect.evaluate', { expression: '1' }, { origin: peer(4) }));
  assert.is(error.code, 'CONSENT_PENDING');
  assert.is(sandbox.requests.list().length, 1);
  assert.equal(executed, []);
  assert.equal(
    outcomes.map(({ outcome }) => outcome),
    ['CONSENT_PENDING'],
  );
  sandbox.requests.stop();
});

test('a call that runs into its own limit while it waits for consent says so', async () => {
  const { ask, sandbox } = rig();
  const change = { origin: peer(4), timeoutMs: 5 };
  assert.is((await failure(() => ask('inspect.evaluate', { expression: '1' }, change))).code, 'TIMEOUT');
  sandbox.requests.stop();
});

test.run();
