import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallLimits } from '#node/pipeline/limits.ts';
import { Pipeline } from '#node/pipeline/pipeline.ts';
import type { Origin } from '#node/pipeline/request.ts';
import { HostPolicy } from '#node/security/host-policy.ts';
import { policyHandlers } from '#node/security/policy-handlers.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Level } from '#shared/model/policy.ts';
import { failure } from '../failure.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';
import { withFolder } from '../temporary-folder.ts';

const MEMBERS = {
  1: { name: 'Olga', role: 'owner' },
  2: { name: 'Edda', role: 'editor' },
} as const;
const LOCAL: Origin = { kind: 'local' };
const EDDA: Origin = { kind: 'peer', member: 2 as MemberId };
const SET = { name: 'a', expression: '1' };

interface Rig {
  readonly host: HostPolicy;
  readonly sandbox: FakeSandbox;
  /** Commands that ran, and whether they had to leave everything as it was. */
  readonly ran: (readonly [string, boolean])[];
  readonly recorded: string[];
  ask(origin: Origin, command: string, args?: Record<string, unknown>, signal?: AbortSignal): Promise<unknown>;
}

function withRig(level: Level, use: (rig: Rig) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const host = new HostPolicy(join(folder, 'policy.json'));
    const target = fakeTarget(targetId(1), { name: 'shop', level });
    const sandbox = fakeSandbox({ members: MEMBERS, targets: [target], hostPolicy: host });
    const ran: (readonly [string, boolean])[] = [];
    const recorded: string[] = [];
    const run = (name: string) => async (_args: never, context: { readOnly?: true }) => {
      ran.push([name, context.readOnly === true]);
      return {};
    };
    const pipeline = new Pipeline({
      limits: new CallLimits(() => performance.now()),
      resolveSandbox: async () => sandbox,
      sandboxHandlers: {
        ...policyHandlers(host),
        'inspect.evaluate': run('evaluate'),
        'inspect.set': run('set'),
        'inspect.scopes': run('scopes'),
        'execution.pause': run('pause'),
      },
      daemonHandlers: {},
      callPeer: () => Promise.reject(new Error('nobody to call')),
      audit: {
        begin: () => 1,
        end: async ({ command, policy }, { outcome }) => {
          recorded.push(`${command} ${outcome} ${policy?.verdict}`);
        },
      },
      onFault: (fault) => {
        throw fault;
      },
      consentWaitMs: 40,
    });
    const ask: Rig['ask'] = (origin, command, args = {}, signal = new AbortController().signal) =>
      pipeline.run({
        command,
        args,
        origin,
        session: 's',
        sandbox: sandbox.id,
        folder: undefined,
        timeoutMs: undefined,
        signal,
      });
    await use({ host, sandbox, ran, recorded, ask });
  });
}

function consent(sandbox: FakeSandbox): void {
  for (const right of ['evaluate', 'state-write'] as const) {
    sandbox.consents.record({ member: 2 as MemberId, program: 'shop', right }, 'allow');
  }
}

test('production denies changing state to everybody, its own host included, and says who can allow it', () =>
  withRig('production', async ({ sandbox, ask, ran, recorded }) => {
    consent(sandbox);
    for (const origin of [LOCAL, EDDA]) {
      const error = await failure(() => ask(origin, 'inspect.set', SET));
      assert.is(error.code, 'FORBIDDEN');
      assert.match(error.message, 'the policy for production denies state_modification on "shop"');
      assert.match(error.hint ?? '', 'sandmesh policy set production state_modification allow');
    }
    assert.equal(ran, []);
    assert.equal(recorded, ['inspect.set FORBIDDEN deny', 'inspect.set FORBIDDEN deny']);
  }));

test('code runs in production, on record, and may change nothing', () =>
  withRig('production', async ({ sandbox, ask, ran, recorded }) => {
    consent(sandbox);
    await ask(EDDA, 'inspect.evaluate', { expression: '1' });
    assert.equal(ran, [['evaluate', true]]);
    assert.equal(recorded, ['inspect.evaluate ok audit']);
  }));

test('looking is on record in development and refused in production, but for the host itself', async () => {
  await withRig('development', async ({ ask, recorded, ran }) => {
    await ask(EDDA, 'inspect.scopes');
    await ask(LOCAL, 'inspect.scopes');
    assert.is(ran.length, 2);
    assert.equal(recorded, ['inspect.scopes ok audit']);
  });
  await withRig('production', async ({ ask, ran }) => {
    assert.is((await failure(() => ask(EDDA, 'inspect.scopes'))).code, 'FORBIDDEN');
    await ask(LOCAL, 'inspect.scopes');
    assert.is(ran.length, 1);
  });
});

test('whoever may run code there may look too, on record', () =>
  withRig('production', async ({ sandbox, ask, recorded }) => {
    consent(sandbox);
    await ask(EDDA, 'inspect.scopes');
    assert.equal(recorded, ['inspect.scopes ok audit']);
    await ask(LOCAL, 'policy.set', { level: 'production', rule: 'code_execution', verdict: 'ask' });
    recorded.length = 0;
    assert.is((await failure(() => ask(EDDA, 'inspect.scopes'))).code, 'FORBIDDEN');
  }));

test('what an allowed command needs is lent for as long as it runs, and for standing code not at all', () =>
  withRig('staging', async ({ sandbox, ask, ran }) => {
    const member = 2 as MemberId;
    const target = sandbox.target(targetId(1));
    const lent = () =>
      (['state-write', 'evaluate', 'patch'] as const).map((right) => sandbox.policy.isLent(member, right, target));
    const opened = sandbox.requests.events.next('request');
    const asked = ask(EDDA, 'inspect.set', SET);
    const { request } = await opened;
    assert.equal(lent(), [false, false, false]);
    sandbox.requests.decide(request.id, { approved: true, role: undefined });
    while (ran.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.not(sandbox.policy.permitsProbes(member, target));
    await asked;
    assert.equal(lent(), [false, false, false]);
    const giveBack = sandbox.policy.lend(member, 'state-write', target);
    assert.equal(lent(), [true, true, false]);
    giveBack();
    assert.equal(lent(), [false, false, false]);
  }));

test('ask puts every single command to the host’s person, remembers no yes, and wants no consent besides', () =>
  withRig('staging', async ({ sandbox, ask, ran }) => {
    for (let n = 1; n <= 2; n++) {
      const opened = sandbox.requests.events.next('request');
      const asked = ask(EDDA, 'inspect.set', { name: 'password', expression: '"hunter22"' });
      const { request } = await opened;
      assert.equal([request.kind, request.right, request.program], ['action', 'state-write', 'shop']);
      assert.match(request.stake, 'inspect.set in "shop": password = ••••');
      sandbox.requests.decide(request.id, { approved: true, role: undefined });
      await asked;
      assert.is(ran.length, n);
    }
  }));

test('a question whose asker is gone is withdrawn: nobody is there to say yes to', () =>
  withRig('staging', async ({ sandbox, ask, ran }) => {
    const gone = new AbortController();
    const opened = sandbox.requests.events.next('request');
    const asked = failure(() => ask(EDDA, 'inspect.set', SET, gone.signal));
    await opened;
    const closed = sandbox.requests.events.next('request');
    gone.abort(new SandboxError('PEER_UNREACHABLE', 'The connection was lost'));
    assert.is((await asked).code, 'PEER_UNREACHABLE');
    assert.is((await closed).outcome, 'withdrawn');
    assert.equal([sandbox.requests.list(), ran], [[], []]);
  }));

test('silence is a no: the command is denied and its question closes', () =>
  withRig('staging', async ({ sandbox, ask, ran, recorded }) => {
    const error = await failure(() => ask(EDDA, 'inspect.set', SET));
    assert.is(error.code, 'CONSENT_DENIED');
    assert.match(error.message, 'Nobody at the host of "shop" allowed "inspect.set"');
    assert.equal(sandbox.requests.list(), []);
    assert.equal([ran, recorded], [[], ['inspect.set CONSENT_DENIED ask']]);
  }));

test('a no is a no, and the host is not asked about what it does itself', () =>
  withRig('staging', async ({ sandbox, ask, ran }) => {
    const opened = sandbox.requests.events.next('request');
    const asked = failure(() => ask(EDDA, 'inspect.set', SET));
    sandbox.requests.decide((await opened).request.id, { approved: false, role: undefined });
    assert.is((await asked).code, 'CONSENT_DENIED');
    await ask(LOCAL, 'inspect.set', SET);
    assert.is(ran.length, 1);
  }));

test('the host’s file has the last word: over the sandbox’s policy, and for a program over its level', () =>
  withRig('development', async ({ host, sandbox, ask, ran }) => {
    consent(sandbox);
    Object.assign(sandbox.replica.control, { policy: { development: { code_execution: 'deny' }, moon: {} } });
    assert.is((await failure(() => ask(EDDA, 'inspect.evaluate', { expression: '1' }))).code, 'FORBIDDEN');
    await ask(LOCAL, 'policy.set', { level: 'development', rule: 'code_execution', verdict: 'allow' });
    await ask(EDDA, 'inspect.evaluate', { expression: '1' });
    await ask(LOCAL, 'policy.set', { program: 'shop', rule: 'evaluate', verdict: 'deny' });
    assert.is((await failure(() => ask(EDDA, 'inspect.evaluate', { expression: '1' }))).code, 'FORBIDDEN');
    await ask(LOCAL, 'policy.set', { program: 'shop', rule: 'evaluate', verdict: 'default' });
    await ask(EDDA, 'inspect.evaluate', { expression: '1' });
    assert.is(ran.length, 2);
    assert.equal(JSON.parse(readFileSync(host.file, 'utf8')).levels, { development: { code_execution: 'allow' } });
  }));

test('a rule for a program that is not here is taken, and said to be for none of those that are', () =>
  withRig('development', async ({ ask, host }) => {
    const named = async (command: string, args: Record<string, unknown>) =>
      ((await ask(LOCAL, command, args)) as { programsHere?: string[] }).programsHere;
    const rule = { rule: 'evaluate', verdict: 'deny' };
    assert.equal(await named('policy.set', { ...rule, program: 'shpo' }), ['shop']);
    assert.is(host.rules().programs['shpo']?.rules.evaluate, 'deny');
    assert.equal(await named('policy.level', { program: 'shpo', level: 'production' }), ['shop']);
    assert.is(await named('policy.set', { ...rule, program: 'shop' }), undefined);
    assert.is(await named('policy.set', { ...rule, level: 'staging' }), undefined);
    assert.is(await named('policy.set', { ...rule, program: 'shpo', verdict: 'default' }), undefined);
    assert.is(await named('policy.level', { program: 'shpo', level: 'default' }), undefined);
  }));

test('a program’s level is the higher of the chosen one and the one its NODE_ENV asks for', () =>
  withRig('staging', async ({ sandbox, ask }) => {
    const level = (): Level => sandbox.policy.levelOf(sandbox.target(targetId(1)));
    await ask(LOCAL, 'policy.level', { program: 'shop', level: 'development' });
    assert.is(level(), 'staging');
    await ask(LOCAL, 'policy.level', { program: 'shop', level: 'production' });
    assert.is(level(), 'production');
    await ask(LOCAL, 'policy.level', { program: 'shop', level: 'default' });
    assert.is(level(), 'staging');
  }));

/** Commands come in turns of the loop of their own. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an edit by hand holds from the next command on, and a file that makes no sense allows nothing', () =>
  withRig('development', async ({ host, sandbox, ask, ran }) => {
    consent(sandbox);
    await ask(EDDA, 'inspect.evaluate', { expression: '1' });
    const changed = host.events.next('changed');
    await nextTurn();
    writeFileSync(host.file, '{"version":1,"levels":{"development":{"evaluate":"deny"}}}');
    assert.is((await failure(() => ask(EDDA, 'inspect.evaluate', { expression: '1' }))).code, 'FORBIDDEN');
    await changed;
    await nextTurn();
    writeFileSync(host.file, '{"version":1,"levels":{"development":{"evaluate":"perhaps"}}}');
    assert.is((await failure(() => ask(EDDA, 'inspect.evaluate', { expression: '1' }))).code, 'CONFIG_INVALID');
    assert.is((await failure(() => ask(LOCAL, 'execution.pause'))).code, 'CONFIG_INVALID');
    assert.not(sandbox.policy.permits('evaluate', 2 as MemberId, sandbox.target(targetId(1))));
    assert.is(ran.length, 1);
  }));

test('an edit by hand is told of without a command, one that makes no sense too: what is armed is judged anew', () =>
  withRig('development', async ({ host, sandbox }) => {
    consent(sandbox);
    const permits = () => sandbox.policy.permits('evaluate', 2 as MemberId, sandbox.target(targetId(1)));
    assert.ok(permits());
    let told = 0;
    host.events.on('changed', () => {
      told += 1;
    });
    for (const [text, isPermitted] of [
      ['{"version":1,"levels":{"development":{"evaluate":"deny"}}}', false],
      ['{"version":1}', true],
      ['{"version":1,', false],
      ['{"version":2}', false],
      ['{ "version": 1 }', true],
    ] as const) {
      const before = told;
      await nextTurn();
      writeFileSync(host.file, text);
      host.look();
      host.look();
      await nextTurn();
      assert.is(told, before + 1, text);
      assert.is(permits(), isPermitted, text);
    }
  }));

test('policy.show tells every rule with whose it is', () =>
  withRig('production', async ({ ask }) => {
    await ask(LOCAL, 'policy.set', { level: 'production', rule: 'view', verdict: 'audit' });
    const shown = (await ask(LOCAL, 'policy.show')) as {
      levels: Record<Level, { rule: string; verdict: string; source: string }[]>;
      targets: unknown[];
    };
    const find = (rule: string) => shown.levels.production.find((each) => each.rule === rule);
    assert.equal([find('view')?.verdict, find('view')?.source], ['audit', 'host']);
    assert.equal([find('profile')?.verdict, find('profile')?.source], ['deny', 'default']);
    assert.equal(shown.targets, [{ target: targetId(1), program: 'shop', level: 'production' }]);
  }));

test('a rule for the whole sandbox is the owner’s to set', () =>
  withRig('development', async ({ ask }) => {
    const shared = { level: 'production', rule: 'evaluate', verdict: 'deny', shared: true };
    const error = await failure(() => ask(LOCAL, 'policy.set', { ...shared, level: undefined, program: 'shop' }));
    assert.is(error.code, 'BAD_ARGUMENT');
    assert.is((await failure(() => ask(EDDA, 'policy.set', shared))).code, 'FORBIDDEN');
  }));

test.run();
