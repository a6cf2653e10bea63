import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  authorizeConsent,
  authorizeRole,
  type ConsentQuestion,
  raiseConsent,
  stakeOf,
} from '#node/security/authorize.ts';
import { fingerprintOf } from '#node/security/identity.ts';
import { commandDefinition } from '#protocol/catalogue/catalogue.ts';
import type { MemberId } from '#shared/ids.ts';
import { CONSENT_RIGHTS, RIGHTS, type Right } from '#shared/rights.ts';
import { failure } from '../failure.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';

const GUEST = 2 as MemberId;
const HOST = 1 as MemberId;
const target = fakeTarget(targetId(1), { name: 'shop' });

function open(): FakeSandbox {
  return fakeSandbox({
    members: { 1: { name: 'Olga', role: 'owner' }, 2: { name: 'Dana', role: 'debugger' } },
    targets: [target],
  });
}

function question(
  sandbox: FakeSandbox,
  right: Right | 'local',
  change: Partial<ConsentQuestion> = {},
): ConsentQuestion {
  const { consents, requests, replica } = sandbox;
  const until = new AbortController();
  return { right, member: GUEST, self: HOST, target, control: replica.control, consents, requests, until, ...change };
}

test('a role that does not do is told which one does', async () => {
  const { control } = open().replica;
  const refusal = (command: 'inspect.set' | 'member.key') =>
    failure(async () => authorizeRole(commandDefinition(command), GUEST, control));
  assert.match((await refusal('inspect.set')).hint ?? '', 'the role "editor" at least');
  assert.match((await refusal('member.key')).hint ?? '', 'Only an owner');
});

test('rights that do not touch a program’s state need no consent; the four that do, ask', async () => {
  for (const right of [...RIGHTS, 'local'] as const) {
    const sandbox = open();
    const asked = authorizeConsent(question(sandbox, right, { waitMs: 5 }));
    if (right === 'local' || !CONSENT_RIGHTS.has(right)) await asked;
    else assert.is((await failure(() => asked)).code, 'CONSENT_PENDING', right);
    sandbox.requests.stop();
  }
  assert.equal([...CONSENT_RIGHTS].sort(), ['evaluate', 'experiment', 'patch', 'state-write']);
});

test('the host itself is never asked, whatever was recorded', async () => {
  const sandbox = open();
  sandbox.consents.record({ member: HOST, program: 'shop', right: 'evaluate' }, 'deny');
  await authorizeConsent(question(sandbox, 'evaluate', { member: HOST }));
  assert.equal(sandbox.requests.list(), []);
});

test('an allowed member passes without a question, a denied one is refused without one', async () => {
  const sandbox = open();
  const subject = { member: GUEST, program: 'shop', right: 'evaluate' } as const;
  sandbox.consents.record(subject, 'allow');
  await authorizeConsent(question(sandbox, 'evaluate'));
  sandbox.consents.record(subject, 'deny');
  const error = await failure(() => authorizeConsent(question(sandbox, 'evaluate')));
  assert.is(error.code, 'CONSENT_DENIED');
  assert.match(error.message, '"shop"');
  assert.equal(sandbox.requests.list(), []);
});

test('a yes counts for that member, that program and that right alone', async () => {
  const sandbox = open();
  sandbox.consents.record({ member: GUEST, program: 'shop', right: 'evaluate' }, 'allow');
  const others: ConsentQuestion[] = [
    question(sandbox, 'state-write', { waitMs: 5 }),
    question(sandbox, 'evaluate', { waitMs: 5, member: 3 as MemberId }),
    question(sandbox, 'evaluate', { waitMs: 5, target: fakeTarget(targetId(1, 2), { name: 'other' }) }),
  ];
  for (const other of others) assert.is((await failure(() => authorizeConsent(other))).code, 'CONSENT_PENDING');
  sandbox.requests.stop();
});

test('the question names the member with its fingerprint, the program, and what is at stake', async () => {
  const sandbox = open();
  await failure(() => authorizeConsent(question(sandbox, 'evaluate', { waitMs: 5 })));
  const [request] = sandbox.requests.list();
  const key = sandbox.replica.members.get(GUEST)?.deviceKey ?? new Uint8Array();
  assert.is(request?.name, 'Dana');
  assert.is(request?.fingerprint, fingerprintOf(key));
  assert.equal([request?.member, request?.target, request?.program], [GUEST, target.id, 'shop']);
  assert.match(request?.stake ?? '', 'any code');
  sandbox.requests.stop();
});

test('ten calls that wait for one answer are one question, and all get the answer', async () => {
  for (const approved of [true, false]) {
    const sandbox = open();
    const asked = Array.from({ length: 10 }, () =>
      authorizeConsent(question(sandbox, 'evaluate')).then(
        () => 'allowed',
        (error: { code: string }) => error.code,
      ),
    );
    const [request, ...more] = sandbox.requests.list();
    assert.equal(more, []);
    sandbox.requests.decide(request?.id ?? '', { approved, role: undefined });
    assert.equal([...new Set(await Promise.all(asked))], [approved ? 'allowed' : 'CONSENT_DENIED']);
  }
});

test('a daemon that stops while the question is open has denied nothing', async () => {
  const sandbox = open();
  const asked = failure(() => authorizeConsent(question(sandbox, 'evaluate')));
  sandbox.requests.stop();
  assert.is((await asked).code, 'CONSENT_PENDING');
});

test('a caller that gives up ends its wait, and the question stays', async () => {
  const sandbox = open();
  const controller = new AbortController();
  const reason = new Error('gone');
  const asked = authorizeConsent(question(sandbox, 'evaluate', { until: controller })).catch((e: unknown) => e);
  controller.abort(reason);
  assert.is(await asked, reason);
  assert.is(sandbox.requests.list().length, 1);
  sandbox.requests.stop();
});

test('a probe that arrived by document asks the same question once, and waits for nobody', () => {
  const sandbox = open();
  raiseConsent(question(sandbox, 'evaluate'));
  raiseConsent(question(sandbox, 'evaluate'));
  assert.is(sandbox.requests.list().length, 1);
  raiseConsent(question(sandbox, 'local'));
  assert.is(sandbox.requests.list().length, 1);
  sandbox.requests.stop();
});

test('every right that needs consent says what is at stake in words of its own', () => {
  const stakes = [...CONSENT_RIGHTS].map((right) => stakeOf(right, 'shop'));
  assert.is(new Set(stakes).size, CONSENT_RIGHTS.size);
  for (const stake of stakes) {
    assert.match(stake, '"shop"');
    assert.not.match(stake, 'Uses the right');
  }
});

test.run();
