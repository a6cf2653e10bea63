import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallLimits } from '#node/pipeline/limits.ts';
import { Pipeline } from '#node/pipeline/pipeline.ts';
import type { Origin } from '#node/pipeline/request.ts';
import { memberHandlers } from '#node/sandbox/member-handlers.ts';
import { catalogue, isCommandName } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import { failure } from '../failure.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, memoryStorage, targetId } from './fake-sandbox.ts';

const MEMBERS = {
  1: { name: 'Olga', role: 'owner' },
  2: { name: 'Dana', role: 'editor' },
} as const;
const LOCAL: Origin = { kind: 'local' };
const DANA: Origin = { kind: 'peer', member: 2 as MemberId };
const target = fakeTarget(targetId(1), { name: 'shop' });

interface Rig {
  readonly sandbox: FakeSandbox;
  readonly announced: unknown[];
  /** Results are checked against the catalogue. */
  ask<R>(command: string, args?: Record<string, unknown>, from?: { origin?: Origin; session?: string }): Promise<R>;
}

function rig(storage = memoryStorage()): Rig {
  const sandbox = fakeSandbox({ members: MEMBERS, targets: [target], connected: [2], storage });
  const announced: unknown[] = [];
  const pipeline = new Pipeline({
    limits: new CallLimits(() => performance.now()),
    resolveSandbox: async () => sandbox,
    sandboxHandlers: {
      ...memberHandlers((announcing) => announced.push(announcing.presence.get(1 as MemberId))),
      'inspect.evaluate': async () => ({ result: { name: '', value: '2', type: 'number' }, threw: false }),
      'inspect.set': async () => ({ result: { name: 'a', value: '2', type: 'number' } }),
    },
    daemonHandlers: {},
    callPeer: () => Promise.reject(new Error('nobody to call')),
    audit: { begin: () => 0, end: async () => undefined },
    onFault: (fault) => {
      throw fault;
    },
    consentWaitMs: 5,
  });
  const ask: Rig['ask'] = async <R>(command: string, args = {}, { origin = LOCAL, session = 's' } = {}) => {
    const { signal } = new AbortController();
    const request = { command, args, origin, signal, session, folder: undefined, timeoutMs: undefined };
    const result = await pipeline.run({ ...request, sandbox: sandbox.id });
    if (isCommandName(command)) catalogue[command].result.parse(result);
    return result as R;
  };
  return { sandbox, announced, ask };
}

const evaluate = { expression: '1 + 1' };

test('members are listed with role, key and whether they are here', async () => {
  const { ask } = rig();
  const { members } = await ask<{ members: Record<string, unknown>[] }>('member.list');
  assert.equal(
    members.map(({ id, name, role, online, self, removed }) => [id, name, role, online, self, removed]),
    [
      [1, 'Olga', 'owner', true, true, false],
      [2, 'Dana', 'editor', true, false, false],
    ],
  );
  assert.is(new Set(members.map(({ color }) => color)).size, 2);
  for (const { color, fingerprint } of members) {
    assert.match(String(color), /^#[0-9a-f]{6}$/);
    assert.match(String(fingerprint), /^([0-9a-f]{4} ){3}[0-9a-f]{4}$/);
  }
});

test('presence is this member’s own, is announced, and shows in the list', async () => {
  const { ask, announced } = rig();
  await ask('presence.set', { line: 7, client: 'cli' });
  assert.equal(announced, [{ member: 1, line: 7, client: 'cli' }]);
  const { members } = await ask<{ members: { presence?: unknown }[] }>('member.list');
  assert.equal(members[0]?.presence, { member: 1, line: 7, client: 'cli' });
  assert.is((await failure(() => ask('presence.set', { member: 2, line: 7 }))).code, 'BAD_ARGUMENT');
});

test('when a client goes, its person looks where another of theirs does, or nowhere', async () => {
  const { ask, sandbox } = rig();
  const here = () => sandbox.presence.get(1 as MemberId);
  await ask('presence.set', { line: 7, client: 'watch' }, { session: 'cli-1' });
  await ask('presence.set', { line: 9, client: 'vscode' }, { session: 'dap-1' });
  assert.is(sandbox.presence.leave('cli-2'), false);
  assert.is(sandbox.presence.leave('dap-1'), true);
  assert.equal(here(), { member: 1, line: 7, client: 'watch' });
  await ask('presence.set', { line: 11, client: 'vscode' }, { session: 'dap-2' });
  assert.is(sandbox.presence.leave('cli-1'), false);
  assert.equal(here(), { member: 1, line: 11, client: 'vscode' });
  sandbox.presence.set({ ...here(), member: 1 as MemberId, pages: [] });
  assert.is(sandbox.presence.leave('dap-2'), true);
  assert.equal(here(), { member: 1, pages: [] });
});

test('a yes is remembered: the guest that was told to come back gets through, and is not asked about again', async () => {
  const { ask, sandbox } = rig();
  assert.is((await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }))).code, 'CONSENT_PENDING');
  const { requests } = await ask<{ requests: PendingRequest[] }>('request.list');
  assert.equal(
    requests.map(({ name, program, right }) => [name, program, right]),
    [['Dana', 'shop', 'evaluate']],
  );
  const { request } = await ask<{ request: PendingRequest }>('request.approve', { request: 'Dana' });
  assert.is(request.id, requests[0]?.id);
  await ask('inspect.evaluate', evaluate, { origin: DANA });
  assert.equal(sandbox.requests.list(), []);
  assert.is(
    (await failure(() => ask('inspect.set', { name: 'a', expression: '1' }, { origin: DANA }))).code,
    'CONSENT_PENDING',
  );
  sandbox.requests.stop();
});

test('a yes that cannot be kept is none: the question stays open, and the guest does not get through', async () => {
  const storage = memoryStorage();
  const { ask, sandbox } = rig(storage);
  await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }));
  storage.full = true;
  assert.is((await failure(() => ask('request.approve', { request: 'Dana' }))).code, 'HOME_UNWRITABLE');
  assert.equal(
    sandbox.requests.list().map(({ name }) => name),
    ['Dana'],
  );
  assert.is((await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }))).code, 'CONSENT_PENDING');
  storage.full = false;
  await ask('request.approve', { request: 'Dana' });
  await ask('inspect.evaluate', evaluate, { origin: DANA });
});

test('a yes to a joiner who cannot be let in says so', async () => {
  const { ask, sandbox } = rig();
  const full = new SandboxError('HOME_UNWRITABLE', 'Cannot write "x": no space', { hint: 'Free some.' });
  const details = { kind: 'join', name: 'Jo', fingerprint: '', role: 'editor', stake: '' } as const;
  const carriedOut = Promise.reject(full);
  carriedOut.catch(() => undefined);
  const asked = sandbox.requests.ask('j', details, { carriedOut });
  const refused = await failure(() => ask('request.approve', { request: 'Jo' }));
  assert.is(refused.code, 'HOME_UNWRITABLE');
  assert.is(refused.message, 'Cannot let "Jo" in, though you said yes: Cannot write "x": no space');
  assert.is(refused.hint, 'Free some.');
  assert.is((await asked).approved, true);
});

test('a no is remembered, and a later yes by name takes it back', async () => {
  const { ask, sandbox } = rig();
  await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }));
  await ask('request.deny', { request: 'Dana' });
  const denied = await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }));
  assert.is(denied.code, 'CONSENT_DENIED');
  assert.match(denied.hint ?? '', 'sandmesh approve');
  assert.equal(sandbox.requests.list(), []);
  const { request } = await ask<{ request: PendingRequest }>('request.approve', { request: 'Dana' });
  assert.equal([request.name, request.program, request.right], ['Dana', 'shop', 'evaluate']);
  await ask('inspect.evaluate', evaluate, { origin: DANA });
});

test('of several things denied a yes must say which', async () => {
  const { ask } = rig();
  await failure(() => ask('inspect.evaluate', evaluate, { origin: DANA }));
  await ask('request.deny', { request: 'Dana' });
  await failure(() => ask('inspect.set', { name: 'a', expression: '1' }, { origin: DANA }));
  await ask('request.deny', { request: 'Dana' });
  const error = await failure(() => ask('request.approve', { request: 'Dana' }));
  assert.is(error.code, 'BAD_ARGUMENT');
  assert.match(error.hint ?? '', '"Dana evaluate shop"');
  await ask('request.approve', { request: 'Dana evaluate' });
  await ask('inspect.evaluate', evaluate, { origin: DANA });
  assert.is(
    (await failure(() => ask('inspect.set', { name: 'a', expression: '1' }, { origin: DANA }))).code,
    'CONSENT_DENIED',
  );
});

test('a yes to nobody answers nothing', async () => {
  const { ask } = rig();
  for (const which of ['', 'Nobody', 'Dan']) {
    assert.is((await failure(() => ask('request.approve', { request: which }))).code, 'REQUEST_UNKNOWN', which);
  }
});

test('a yes to a joiner is no consent', async () => {
  const { ask, sandbox } = rig();
  const asked = sandbox.requests.ask('j', { kind: 'join', name: 'Jo', fingerprint: '', role: 'editor', stake: '' });
  await ask('request.approve', { request: 'Jo', role: 'viewer' });
  assert.equal(await asked, { approved: true, role: 'viewer' });
  assert.equal(sandbox.consents.denials(), []);
});

test('chat goes to the member’s own notes and is listed', async () => {
  const { ask } = rig();
  await ask('chat.send', { text: 'hello' });
  const { lines } = await ask<{ lines: { text: string }[] }>('chat.list', {}, { origin: DANA });
  assert.equal(
    lines.map(({ text }) => text),
    ['hello'],
  );
});

test.run();
