import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditedAction, AuditedEnd } from '#node/pipeline/command-audit.ts';
import { CallLimits } from '#node/pipeline/limits.ts';
import { Pipeline, type PipelineOptions } from '#node/pipeline/pipeline.ts';
import type { CommandRequest, Origin } from '#node/pipeline/request.ts';
import { type CommandName, catalogue, commandDefinition } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { CONSENT_RIGHTS, ROLE_RIGHTS, ROLES, type Role } from '#shared/rights.ts';
import { failure } from '../failure.ts';
import { SANDBOX } from '../sandbox/fake-replica.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';

const LOCAL: Origin = { kind: 'local' };
const peer = (member: number): Origin => ({ kind: 'peer', member: member as MemberId });

const MEMBERS = {
  1: { name: 'Olga', role: 'owner' },
  2: { name: 'Vera', role: 'viewer' },
  3: { name: 'Cora', role: 'commenter' },
  4: { name: 'Dana', role: 'debugger' },
  5: { name: 'Edda', role: 'editor' },
  6: { name: 'Otto', role: 'owner' },
  7: { name: 'Rita', role: 'editor', removed: true },
} as const;
const MEMBER_OF: Readonly<Record<Role, number>> = { viewer: 2, commenter: 3, debugger: 4, editor: 5, owner: 6 };

const CDP_SESSION = { target: targetId(1), session: 'c0123456789abcdef' };

/** Arguments that fit, for every command that needs some. */
const ARGS: Partial<Record<CommandName, Record<string, unknown>>> = {
  'config.get': { key: 'name' },
  'config.set': { key: 'name', value: 'Olga' },
  'sandbox.open': { folder: '/shop' },
  'sandbox.join': { link: 'sandmesh:x' },
  'request.approve': { request: 'ab' },
  'request.deny': { request: 'ab' },
  'chat.send': { text: 'hi' },
  'invite.revoke': { invite: 'abcd' },
  'member.revoke': { member: 2 },
  'member.role': { member: 2, role: 'viewer' },
  'member.delegate': { member: 2 },
  'key.unlock': { passphrase: 'x' },
  'target.launch': { argv: ['node', 'a.js'], folder: '/shop' },
  'target.finish': { launch: 'x', exitCode: 0, signal: null },
  'target.attach': { where: '123' },
  'breakpoint.add': { location: 'a.ts:1' },
  'breakpoint.remove': { breakpoint: '1.abcd' },
  'breakpoint.enable': { breakpoint: '1.abcd', enabled: true },
  'execution.step': { kind: 'over' },
  'debug.get': { session: 'd0123456789ab' },
  'debug.close': { session: 'd0123456789ab' },
  'token.revoke': { id: 't1' },
  'policy.set': { rule: 'evaluate', verdict: 'deny', level: 'staging' },
  'policy.level': { program: 'shop', level: 'staging' },
  'storage.export': { file: '/shop.sandmesh' },
  'storage.import': { file: '/shop.sandmesh' },
  'inspect.variables': { handle: 'h' },
  'inspect.evaluate': { expression: '1 + 1' },
  'inspect.set': { name: 'a', expression: '1' },
  'cdp.open': { target: targetId(1) },
  'cdp.close': CDP_SESSION,
  'cdp.look': { ...CDP_SESSION, method: 'Runtime.getIsolateId', params: {} },
  'cdp.locate': { ...CDP_SESSION, method: 'Debugger.setBreakpoint', params: {} },
  'cdp.evaluate': { ...CDP_SESSION, method: 'Runtime.evaluate', params: { expression: '1' } },
  'cdp.set': { ...CDP_SESSION, method: 'Debugger.setVariableValue', params: {} },
  'snapshot.show': { snapshot: '1.mwt4zhbz06' },
  'snapshot.variables': { snapshot: '1.mwt4zhbz06', handle: 'n0' },
  'snapshot.remove': { snapshot: '1.mwt4zhbz06' },
  'document.open': { document: 'debug' },
  'draft.open': { file: 'a.ts' },
  'draft.show': { file: 'a.ts' },
  'draft.edit': { file: 'a.ts', before: 'a', after: 'b' },
  'draft.discard': { file: 'a.ts' },
  'target.launched': { launch: 'x' },
  'target.terminate': { target: targetId(1) },
  'inspect.lookup': { path: 'a' },
  'inspect.completions': { text: 'a.' },
  'inspect.copy': { handle: 'h' },
  'execution.restart': { frame: 0 },
  'source.breakable': { file: { path: 'a.ts' }, fromLine: 1, toLine: 2 },
};

type PeerCall = Parameters<PipelineOptions['callPeer']>;

type Recorded = Pick<AuditedAction, 'command' | 'member' | 'target' | 'origin' | 'policy'> & AuditedEnd;

interface Rig {
  readonly sandbox: FakeSandbox;
  readonly outcomes: Recorded[];
  /** Commands whose beginning was recorded, each with how many handlers had run by then. */
  readonly begun: (readonly [string, number])[];
  readonly faults: unknown[];
  readonly executed: { name: string; args: Record<string, unknown>; context: Record<string, unknown> }[];
  readonly peerCalls: PeerCall[];
  readonly resolved: unknown[][];
  ask(command: string, args?: Record<string, unknown>, change?: Partial<CommandRequest>): Promise<unknown>;
}

type Handle = (args: Record<string, unknown>, signal: AbortSignal) => Promise<unknown>;

function rig(options: { sandbox?: FakeSandbox; handle?: Handle; pipeline?: Partial<PipelineOptions> } = {}): Rig {
  const sandbox = options.sandbox ?? fakeSandbox({ members: MEMBERS, targets: [fakeTarget(targetId(1))] });
  const handle: Handle = options.handle ?? (async () => ({ done: true }));
  const outcomes: Recorded[] = [];
  const begun: Rig['begun'] = [];
  const faults: unknown[] = [];
  const executed: Rig['executed'] = [];
  const peerCalls: PeerCall[] = [];
  const resolved: unknown[][] = [];
  const handlers = Object.fromEntries(
    Object.keys(catalogue).map((name) => [
      name,
      (args: never, context: { signal: AbortSignal }) => {
        executed.push({ name, args, context: context as never });
        return handle(args, context.signal);
      },
    ]),
  );
  const pipeline = new Pipeline({
    limits: new CallLimits(() => performance.now()),
    resolveSandbox: async (...wanted) => {
      resolved.push(wanted);
      return sandbox;
    },
    sandboxHandlers: handlers,
    daemonHandlers: handlers,
    callPeer: async (...call) => {
      peerCalls.push(call);
      return { from: 'peer' };
    },
    audit: {
      begin: ({ command }) => begun.push([command, executed.length]),
      end: async ({ command, member, target, origin, policy }, end) => {
        outcomes.push({ command, member, target, origin, policy, ...end });
      },
    },
    onFault: (fault) => faults.push(fault),
    ...options.pipeline,
  });
  const ask: Rig['ask'] = (command, args = {}, change = {}) =>
    pipeline.run({
      command,
      args,
      origin: LOCAL,
      session: 'cli-1',
      sandbox: SANDBOX,
      folder: '/shop',
      timeoutMs: undefined,
      signal: new AbortController().signal,
      ...change,
    });
  return { sandbox, outcomes, begun, faults, executed, peerCalls, resolved, ask };
}

function allowAll(sandbox: FakeSandbox): void {
  for (const member of Object.values(MEMBER_OF)) {
    for (const right of CONSENT_RIGHTS) {
      const program = sandbox.targetChoices()[0]?.target.name ?? '';
      sandbox.consents.record({ member: member as MemberId, program, right }, 'allow');
    }
  }
}

/** Written down here once more, so that a role that grows or a command that changes its right shows. */
const NEEDS: Readonly<Record<string, readonly Role[] | 'local user' | 'own daemon'>> = {
  'daemon.status': 'local user',
  'daemon.stop': 'local user',
  'config.get': 'local user',
  'config.set': 'local user',
  'config.list': 'local user',
  'sandbox.open': 'local user',
  'sandbox.list': 'local user',
  'sandbox.share': 'local user',
  'sandbox.join': 'local user',
  'sandbox.leave': 'local user',
  'invite.create': 'local user',
  'invite.list': 'local user',
  'invite.revoke': 'local user',
  'member.revoke': 'local user',
  'member.role': 'local user',
  'member.delegate': 'local user',
  'member.key': ['owner'],
  'session.list': 'local user',
  'sandbox.recover': 'local user',
  'key.protect': 'local user',
  'key.unlock': 'local user',
  'member.list': ROLES,
  'request.list': 'local user',
  'request.approve': 'local user',
  'request.deny': 'local user',
  'presence.set': 'own daemon',
  'chat.send': 'own daemon',
  'chat.list': ROLES,
  'lease.take': ['debugger', 'editor', 'owner'],
  'lease.release': ['debugger', 'editor', 'owner'],
  'target.launch': 'local user',
  'target.finish': 'local user',
  'target.attach': 'local user',
  'target.candidates': 'local user',
  'target.list': ROLES,
  'target.detach': 'local user',
  'output.read': ROLES,
  'breakpoint.add': 'own daemon',
  'breakpoint.remove': 'own daemon',
  'breakpoint.undo': 'own daemon',
  'debug.open': 'own daemon',
  'debug.list': 'local user',
  'debug.get': 'local user',
  'debug.close': 'local user',
  'pause.list': ROLES,
  'snapshot.take': ['debugger', 'editor', 'owner'],
  'snapshot.list': ROLES,
  'snapshot.show': ROLES,
  'snapshot.variables': ROLES,
  'snapshot.remove': 'local user',
  'sandbox.get': ROLES,
  'sandbox.update': 'local user',
  'token.access': 'local user',
  'token.code': 'local user',
  'token.create': 'local user',
  'token.list': 'local user',
  'token.revoke': 'local user',
  'audit.list': 'local user',
  'audit.verify': 'local user',
  'policy.show': 'local user',
  'policy.set': 'local user',
  'policy.level': 'local user',
  'storage.verify': 'local user',
  'storage.checkpoint': 'local user',
  'storage.export': 'local user',
  'storage.import': 'local user',
  'breakpoint.enable': 'own daemon',
  'breakpoint.list': ROLES,
  'execution.pause': ['debugger', 'editor', 'owner'],
  'execution.resume': ['debugger', 'editor', 'owner'],
  'execution.step': ['debugger', 'editor', 'owner'],
  'inspect.stack': ROLES,
  'inspect.scopes': ROLES,
  'inspect.variables': ROLES,
  'inspect.evaluate': ['debugger', 'editor', 'owner'],
  'inspect.set': ['editor', 'owner'],
  'source.list': ROLES,
  'source.get': ROLES,
  'cdp.listen': 'local user',
  'cdp.open': ROLES,
  'cdp.close': ROLES,
  'cdp.look': ROLES,
  'cdp.locate': ROLES,
  'cdp.evaluate': ['debugger', 'editor', 'owner'],
  'cdp.set': ['editor', 'owner'],
  // Its handler refuses other members: what it gives is for pages of this daemon.
  'document.open': ROLES,
  'draft.open': 'own daemon',
  'draft.list': ROLES,
  'draft.show': ROLES,
  'draft.edit': 'own daemon',
  'draft.discard': 'own daemon',
  'target.launched': 'local user',
  'target.terminate': 'local user',
  'inspect.lookup': ROLES,
  'inspect.completions': ROLES,
  'inspect.copy': ROLES,
  'inspect.exception': ROLES,
  'inspect.calls': ROLES,
  'execution.restart': ['debugger', 'editor', 'owner'],
  'source.breakable': ROLES,
};

test('the table of who may do what names every command of the catalogue', () => {
  assert.equal(Object.keys(NEEDS).sort(), Object.keys(catalogue).sort());
});

for (const name of Object.keys(catalogue) as CommandName[]) {
  const needs = NEEDS[name] ?? [];
  test(`${name} asked by a peer: ${typeof needs === 'string' ? `refused, ${needs} only` : needs.join(', ')}`, async () => {
    for (const role of ROLES) {
      const { ask, executed, sandbox, outcomes, peerCalls } = rig();
      allowAll(sandbox);
      const asked = ask(name, ARGS[name], { origin: peer(MEMBER_OF[role]), session: 'peer-1' });
      if (Array.isArray(needs) && needs.includes(role)) {
        assert.equal(await asked, { done: true }, role);
        assert.is(executed.length, 1);
        assert.equal(executed[0]?.context['caller'], { member: MEMBER_OF[role], local: false, session: 'peer-1' });
      } else {
        assert.is((await failure(() => asked)).code, 'FORBIDDEN', role);
        assert.equal(executed, [], role);
        assert.is(outcomes.length, 1, role);
        assert.is(outcomes[0]?.outcome, 'FORBIDDEN');
      }
      assert.equal(peerCalls, []);
    }
  });
}

test('a local user’s own role bounds every command that needs a right, and no local one', async () => {
  for (const role of ROLES) {
    for (const name of Object.keys(catalogue) as CommandName[]) {
      const definition = commandDefinition(name);
      const self = MEMBER_OF[role];
      const sandbox = fakeSandbox({ members: MEMBERS, self, targets: [fakeTarget(targetId(self))] });
      const { ask, executed } = rig({ sandbox });
      const may = definition.right === 'local' || ROLE_RIGHTS[role].has(definition.right);
      const args = 'target' in (ARGS[name] ?? {}) ? { ...ARGS[name], target: targetId(self) } : ARGS[name];
      if (may) await ask(name, args);
      else assert.is((await failure(() => ask(name, args))).code, 'FORBIDDEN', `${role} ${name}`);
      assert.is(executed.length, may ? 1 : 0, `${role} ${name}`);
    }
  }
});

test('a stranger and a removed member may do nothing, not even look', async () => {
  for (const member of [7, 99]) {
    const { ask, executed, outcomes } = rig();
    const error = await failure(() => ask('member.list', {}, { origin: peer(member) }));
    assert.is(error.code, 'MEMBER_UNKNOWN');
    assert.equal(executed, []);
    assert.is(outcomes[0]?.outcome, 'MEMBER_UNKNOWN');
  }
});

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
