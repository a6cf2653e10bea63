import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallLimits } from '#node/pipeline/limits.ts';
import { Pipeline } from '#node/pipeline/pipeline.ts';
import type { Origin } from '#node/pipeline/request.ts';
import { AuditLog } from '#node/security/audit/audit-log.ts';
import { readAuditEntries, verifyAuditLog } from '#node/security/audit/audit-reader.ts';
import { AuditTrail } from '#node/security/audit/audit-trail.ts';
import { describeArguments } from '#node/security/audit/describe-arguments.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { failure } from '../failure.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';
import { withFolder } from '../temporary-folder.ts';

const crypto = new NodeCrypto();
const key = createSigningKey();
let signatures = 0;
const signer: typeof key = {
  ...key,
  sign(message) {
    signatures += 1;
    return key.sign(message);
  },
};
const MEMBERS = {
  1: { name: 'Olga', role: 'owner' },
  2: { name: 'Vera', role: 'viewer' },
  3: { name: 'Edda', role: 'editor' },
} as const;
const peer = (member: number): Origin => ({ kind: 'peer', member: member as MemberId });

interface Rig {
  readonly sandbox: FakeSandbox;
  readonly log: AuditLog;
  readonly trail: AuditTrail;
  /** What the file held when the handler ran. */
  readonly seen: string[];
  text(): string;
  entries(): ReturnType<typeof readAuditEntries>;
  ask(origin: Origin, command: string, args?: Record<string, unknown>): Promise<unknown>;
}

function withRig(use: (rig: Rig) => Promise<void>, run: () => Promise<unknown> = async () => ({})): Promise<void> {
  return withFolder(async (base) => {
    const folder = join(base, 'audit');
    const sandbox = fakeSandbox({ members: MEMBERS, targets: [fakeTarget(targetId(1), { name: 'shop' })] });
    for (const right of ['evaluate', 'state-write'] as const) {
      sandbox.consents.record({ member: 3 as MemberId, program: 'shop', right }, 'allow');
    }
    const log = new AuditLog({ folder, signer, crypto });
    const trail = new AuditTrail(log, (error) => {
      throw error;
    });
    const seen: string[] = [];
    const text = (): string =>
      readdirSync(folder)
        .map((name) => readFileSync(join(folder, name), 'utf8'))
        .join('');
    const handler = async (): Promise<unknown> => {
      seen.push(text());
      return run();
    };
    const pipeline = new Pipeline({
      limits: new CallLimits(() => performance.now()),
      resolveSandbox: async () => sandbox,
      sandboxHandlers: { 'inspect.evaluate': handler, 'inspect.set': handler, 'execution.pause': handler },
      daemonHandlers: {},
      callPeer: () => Promise.reject(new Error('nobody to call')),
      audit: trail,
      onFault: () => undefined,
    });
    const ask: Rig['ask'] = (origin, command, args = {}) =>
      pipeline.run({
        command,
        args,
        origin,
        session: 's',
        sandbox: sandbox.id,
        folder: undefined,
        timeoutMs: undefined,
        signal: new AbortController().signal,
      });
    const entries = () => readAuditEntries(folder, crypto, { limit: 1_000 });
    try {
      await use({ sandbox, log, trail, seen, text, entries, ask });
    } finally {
      await trail.close();
    }
    assert.equal((await verifyAuditLog(folder, { crypto, key: key.publicKey })).problems, []);
  });
}

test('an action on a process is in the file before it is done, and its end before it is answered', () =>
  withRig(async ({ ask, seen, entries }) => {
    await ask(peer(3), 'inspect.evaluate', { expression: 'cart.total' });
    assert.match(seen[0] ?? '', '"what":"inspect.evaluate"');
    const [begun, ended] = await entries();
    assert.equal(
      [
        begun?.type,
        begun?.member,
        begun?.name,
        begun?.detail,
        begun?.program,
        begun?.pid,
        begun?.level,
        begun?.outcome,
      ],
      ['begun', 3, 'Edda', 'cart.total', 'shop', 4321, 'development', 'begun'],
    );
    assert.match(begun?.key ?? '', /^[0-9a-f]{4}( [0-9a-f]{4}){3}$/);
    assert.equal([ended?.type, ended?.of, ended?.outcome], ['ended', begun?.seq, 'ok']);
  }));

test('a failed action ends with its code and first line of why', () =>
  withRig(
    async ({ ask, entries }) => {
      await failure(() => ask(peer(3), 'inspect.evaluate', { expression: 'x' }));
      const [, ended] = await entries();
      assert.equal([ended?.outcome, ended?.why], ['EVALUATION_FAILED', 'it threw']);
    },
    () => Promise.reject(new SandboxError('EVALUATION_FAILED', 'it threw\n    at somewhere')),
  ));

test('every denial is recorded: by role, by consent, of a stranger, and what nobody may ask for', () =>
  withRig(async ({ ask, entries, seen }) => {
    await failure(() => ask(peer(2), 'inspect.evaluate', { expression: '1' }));
    await failure(() => ask(peer(9), 'execution.pause'));
    await failure(() => ask(peer(3), 'daemon.stop'));
    const found = await entries();
    assert.equal(
      found.map(({ type, what, member, outcome }) => [type, what, member, outcome]),
      [
        ['denied', 'inspect.evaluate', 2, 'FORBIDDEN'],
        ['denied', 'execution.pause', 9, 'MEMBER_UNKNOWN'],
        ['denied', 'daemon.stop', undefined, 'FORBIDDEN'],
      ],
    );
    assert.match(found[0]?.why ?? '', 'the role "viewer" does not hold the right "evaluate"');
    assert.equal(seen, []);
  }));

test('a flood of equal denials is one line and a count', () =>
  withRig(async ({ ask, entries, trail }) => {
    for (let n = 0; n < 50; n++) await failure(() => ask(peer(2), 'inspect.evaluate', { expression: '1' }));
    await failure(() => ask(peer(2), 'inspect.set', { name: 'a', expression: '1' }));
    await trail.close();
    assert.equal(
      (await entries()).map(({ what, times }) => [what, times]),
      [
        ['inspect.evaluate', undefined],
        ['inspect.set', undefined],
        ['inspect.evaluate', 49],
      ],
    );
  }));

test('no secret gets into the log: not from code that was run, not from arguments, not from error texts', () =>
  withRig(
    async ({ ask, text }) => {
      const secrets = ['hunter22', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'sandmesh:#EKb7hVggTHELINK'];
      await failure(() => ask(peer(3), 'inspect.evaluate', { expression: 'login({ password: "hunter22" })' }));
      await failure(() => ask(peer(3), 'inspect.set', { name: 'apiToken', expression: `"${secrets[1]}"` }));
      await failure(() => ask(peer(3), 'sandbox.join', { link: secrets[2] }));
      await failure(() => ask(peer(3), 'key.unlock', { passphrase: 'hunter22' }));
      assert.match(text(), 'login({ password: \\"••••');
      for (const secret of secrets) assert.not.match(text(), secret);
    },
    () => Promise.reject(new SandboxError('EVALUATION_FAILED', 'bad password: "hunter22" is wrong')),
  ));

test('what was run is said in full up to a bound, on one line', () => {
  const long = `a(\n  ${'x'.repeat(5_000)})`;
  const detail = describeArguments('inspect.evaluate', { expression: long });
  assert.ok(detail.length <= 2_000);
  assert.match(detail, /^a\( ⏎ x+… \(5\d+ chars\)$/);
  assert.is(
    describeArguments('target.launch', { argv: ['node', 'a.js', '--password', 'hunter22'] }),
    'node a.js --password •••• (masked)',
  );
});

test('whoever moves a program on waits for no signature: stops and steps get one together, in their order', () =>
  withRig(async ({ ask, sandbox, trail, entries }) => {
    signatures = 0;
    const stopped = { sandbox, member: 3 as MemberId, target: targetId(1), outcome: 'ok' };
    for (let n = 1; n <= 3; n++) {
      trail.effect({ ...stopped, what: 'process.stopped', detail: `stop ${n}` });
      await ask(peer(3), 'execution.pause');
    }
    assert.is(signatures, 0);
    await trail.close();
    assert.is(signatures, 1);
    const found = (await entries()).map(({ seq, type, what, of }) => [seq, type, what, of]);
    assert.equal(
      found,
      [0, 3, 6].flatMap((before) => [
        [before + 1, 'done', 'process.stopped', undefined],
        [before + 2, 'begun', 'execution.pause', undefined],
        [before + 3, 'ended', 'execution.pause', before + 2],
      ]),
    );
  }));

test('what cannot be recorded is not done', () =>
  withRig(async ({ ask, log, seen }) => {
    await log.close();
    assert.is((await failure(() => ask(peer(3), 'inspect.evaluate', { expression: '1' }))).code, 'CANCELLED');
    assert.equal(seen, []);
  }));

test.run();
