import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ControlEntryBody } from '#protocol/control-entry.ts';
import type { ControlHead } from '#protocol/control-log.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import {
  crypto,
  delegate,
  describe,
  grant,
  keyOf,
  openWorkshop,
  revoke,
  role,
  signerOf,
  type Workshop,
} from './control-workshop.ts';

const rotate = async (to: string, options: { by?: string; next?: string } = {}): Promise<ControlEntryBody> => ({
  type: 'rotate',
  recoveryKey: keyOf(options.by ?? 'recovery'),
  ownerKey: keyOf(to),
  nextRecoveryHash: toHex(crypto.sha256((await signerOf(options.next ?? 'recovery 2')).publicKey)),
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return SandboxError.from(error).code;
  }
  return 'accepted';
}

/** Signs a second entry after a place that has one already, and its successors. */
async function branch(workshop: Workshop, after: ControlHead, bodies: readonly ControlEntryBody[], log = 0) {
  const entries: string[] = [];
  let head = after;
  for (const body of bodies) {
    const entry = await workshop.sign(body, { log, after: head });
    entries.push(entry);
    head = { seq: head.seq + 1, hash: workshop.log.hashOf(entry) };
  }
  return { entries, head };
}

async function take(workshop: Workshop, entries: readonly string[]): Promise<void> {
  for (const entry of entries) await workshop.log.append(entry);
}

/** Entries 1 to 3 are common; branch A goes on to 6 and makes cyd a member, branch B to 4 and removes bob. */
async function forked() {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(role(2, 'debugger'));
  const common = workshop.log.head;
  const a = await branch(workshop, common, [grant(3, 'cyd'), role(3, 'viewer'), grant(4, 'dan')]);
  const b = await branch(workshop, common, [revoke(2)]);
  return { workshop, common, a, b };
}

test('two valid entries in one slot stop the log at the entry before, whichever came first', async () => {
  const { workshop, common, a, b } = await forked();
  await take(workshop, a.entries);
  assert.is(workshop.log.seq, 6);
  await take(workshop, b.entries);
  const { state } = workshop.log;
  assert.is(workshop.log.seq, 3);
  assert.equal(workshop.log.head, common);
  assert.is(state.roleNow(2 as MemberId), 'debugger');
  assert.is(state.roleNow(3 as MemberId), null);
  assert.equal(state.forks.length, 1);
  assert.is(state.forks[0]?.seq, 3);
  assert.ok(state.isStopped([5]));
  assert.not(state.isStopped([3]));
  assert.is(state.lacks([9]), undefined, 'what stands above a fork waits for no entry');
  const other = await workshop.replay([...workshop.signed, ...b.entries, ...a.entries]);
  assert.is(describe(other), describe(workshop.log));
  assert.is(describe(await workshop.replay(workshop.log.entries())), describe(workshop.log), 'evidence is handed on');
});

test('a second entry that means nothing, or that the owner did not sign, is no fork', async () => {
  const { workshop, common, a } = await forked();
  await take(workshop, a.entries);
  const odd = await branch(workshop, common, [revoke(9)]);
  assert.is(await codeOf(take(workshop, odd.entries)), 'BAD_CONTROL_ENTRY');
  const forged = await workshop.sign(revoke(2), { after: common, by: 'recovery' });
  assert.is(await codeOf(workshop.log.append(forged)), 'BAD_CONTROL_ENTRY');
  assert.is(workshop.log.seq, 6);
});

test('the recovery key names the branch that goes on, and a new owner', async () => {
  for (const named of ['a', 'b', 'none'] as const) {
    const { workshop, common, a, b } = await forked();
    await take(workshop, [...a.entries, ...b.entries]);
    const after = { a: a.head, b: b.head, none: common }[named];
    const entry = await workshop.sign(await rotate('owner 2'), { by: 'recovery', after });
    await workshop.log.append(entry);
    assert.is(workshop.log.seq, after.seq + 1, named);
    assert.equal(workshop.log.state.forks, [], named);
    assert.is(workshop.log.state.roleNow(2 as MemberId), named === 'b' ? null : 'debugger', named);
    assert.is(workshop.log.state.roleNow(3 as MemberId), named === 'a' ? 'viewer' : null, named);
    assert.is(
      await codeOf(workshop.log.append(await workshop.sign(grant(9, 'eve')))),
      'BAD_CONTROL_ENTRY',
      'the old key',
    );
    await workshop.log.append(await workshop.sign(grant(9, 'eve'), { by: 'owner 2' }));
    assert.is(workshop.log.state.roleNow(9 as MemberId), 'editor');
    // Whoever holds the old key can sign as many more second entries as they like: what is settled is settled.
    await take(workshop, (await branch(workshop, common, [role(2, 'viewer')])).entries);
    assert.is(workshop.log.seq, after.seq + 2, named);
    assert.equal(workshop.log.state.forks, []);
  }
});

test('above a fork that was settled an author may have seen what does not count', async () => {
  const { workshop, a, b } = await forked();
  const might = (position: number[], document = 'debug') =>
    workshop.log.state.mightWrite({ member: 2 as MemberId, control: position, document });
  await take(workshop, b.entries);
  assert.is(might([3]), true);
  assert.is(might([4]), false, 'it was removed there');
  await take(workshop, a.entries);
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: b.head }));
  assert.is(might([4]), true, 'or it had seen the other entry');
  assert.is(might([5]), true);
  assert.is(might([4], 'draft/a'), false, 'what it might not write below either');
  const envelope = { member: 2 as MemberId, incarnation: 1, seq: 1, document: 'debug' };
  assert.is(workshop.log.state.counts({ ...envelope, control: [4] }), false, 'without effect');
});

test('a position that only a longer branch reaches is judged, though the one that was named is shorter', async () => {
  const { workshop, a, b } = await forked();
  const { log } = workshop;
  await take(workshop, b.entries);
  assert.equal(log.state.lacks([6]), { log: 0, seq: 6 }, 'nobody has told of it');
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: b.head }));
  await take(workshop, a.entries);
  assert.is(log.seq, 5);
  assert.is(log.state.lacks([6]), undefined);
  assert.equal(log.state.lacks([7]), { log: 0, seq: 7 }, 'no branch reaches there');
  assert.ok(log.state.isOutreached);
  await workshop.log.append(await workshop.sign(grant(9, 'eve'), { by: 'owner 2' }));
  assert.not(log.state.isOutreached);
  await workshop.log.append(await workshop.sign(grant(10, 'gus'), { by: 'owner 2' }));
  assert.is(log.state.lacks([7]), undefined);
});

test('what somebody might write there stays so, whatever the shorter branch says in those places yet', async () => {
  const { workshop, common, a, b } = await forked();
  const more = await branch(workshop, a.head, [role(3, 'debugger'), role(3, 'viewer')]);
  await take(workshop, [...b.entries, ...a.entries, ...more.entries]);
  const { log } = workshop;
  const add = async (body: ControlEntryBody) => log.append(await workshop.sign(body, { by: 'owner 2' }));
  await log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: common }));
  const might = (position: number[], document = 'debug') =>
    log.state.mightWrite({ member: 9 as MemberId, control: position, document });
  assert.is(might([8]), false);
  await add(grant(9, 'eve'));
  assert.is(log.seq, 5);
  assert.is(might([8]), true, 'it stands on somebody who had seen the longer branch');
  await add(revoke(9));
  assert.is(might([8]), true, 'it may not have known');
  assert.is(might([9]), false, 'no other branch reaches so far');
  assert.is(might([4]), false, 'before it was admitted');
  assert.is(might([8], 'notes/2'), false);
  const envelope = { member: 9 as MemberId, incarnation: 1, seq: 1, control: [8], document: 'debug' };
  assert.is(log.state.counts(envelope), false, 'without effect');
});

test('a lost owner key is replaced without a fork, once for every recovery key', async () => {
  const { workshop } = await forked();
  const early = await workshop.sign(await rotate('owner 2'), { by: 'recovery' });
  await workshop.add(grant(7, 'gus'));
  await workshop.log.append(early);
  assert.is(workshop.log.seq, 4, 'it wins against what the old key signed at the same time');
  assert.is(workshop.log.state.roleNow(7 as MemberId), null);
  const again = await workshop.sign(await rotate('owner 3', { next: 'recovery 3' }), { by: 'recovery' });
  assert.is(await codeOf(workshop.log.append(again)), 'BAD_CONTROL_ENTRY', 'a recovery key that was used');
  const next = await rotate('owner 3', { by: 'recovery 2', next: 'recovery 3' });
  await workshop.log.append(await workshop.sign(next, { by: 'recovery 2' }));
  assert.is(toHex(workshop.log.state.ownerKey), keyOf('owner 3'));
});

test('a rotation by another key than the promised one is refused, and an unsafe owner key too', async () => {
  const { workshop } = await forked();
  const body = (await rotate('owner 2')) as Extract<ControlEntryBody, { type: 'rotate' }>;
  const attacks: [string, ControlEntryBody, string][] = [
    ['signed by the owner', body, 'owner'],
    ['naming another recovery key', { ...body, recoveryKey: keyOf('eve') }, 'eve'],
    ['to the identity point', { ...body, ownerKey: `01${'00'.repeat(31)}` }, 'recovery'],
    [
      'to a point of order 8',
      { ...body, ownerKey: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a' },
      'recovery',
    ],
    ['to no point at all', { ...body, ownerKey: `02${'00'.repeat(31)}` }, 'recovery'],
  ];
  const { head } = workshop.log;
  for (const [what, attack, by] of attacks) {
    assert.is(await codeOf(workshop.log.append(await workshop.sign(attack, { by }))), 'BAD_CONTROL_ENTRY', what);
    assert.equal(workshop.log.head, head, what);
  }
});

test('two rotations by one recovery key stop the log where they part', async () => {
  const { workshop, common } = await forked();
  const [first, second] = [await rotate('owner 2'), await rotate('owner 3')];
  await workshop.log.append(await workshop.sign(first, { by: 'recovery', after: common }));
  assert.is(workshop.log.seq, 4);
  await workshop.log.append(await workshop.sign(second, { by: 'recovery', after: common }));
  assert.is(workshop.log.seq, 3);
  assert.is(workshop.log.state.forks.length, 1);
});

test("a fork of a delegate's log stops that log alone, and the owner can end it below", async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(delegate(2));
  await workshop.add(grant(1001, 'cyd'), { log: 2 });
  const common = workshop.log.headOf(2);
  await workshop.add(grant(1002, 'dan'), { log: 2 });
  const [second] = (await branch(workshop, common, [grant(1002, 'eve')], 2)).entries;
  await workshop.log.append(second as string);
  const { state } = workshop.log;
  assert.equal(state.position, [3, 2, 1]);
  assert.is(state.roleNow(1001 as MemberId), 'editor');
  assert.is(state.roleNow(1002 as MemberId), null);
  assert.equal(
    state.forks.map(({ log, seq }) => [log, seq]),
    [[2, 1]],
  );
  await workshop.add(grant(3, 'fay'));
  assert.is(workshop.log.seq, 4, "the owner's log goes on");
  await workshop.add(revoke(2, [2, 1]));
  assert.is(workshop.log.state.roleNow(1001 as MemberId), 'editor');
});

test("a delegate's entries above a fork of the owner's log have no effect until that is settled", async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(delegate(2));
  const common = workshop.log.head;
  await workshop.add(grant(1001, 'cyd'), { log: 2 });
  const a = await branch(workshop, common, [grant(3, 'fay')]);
  await take(workshop, a.entries);
  await workshop.add(grant(1002, 'dan'), { log: 2 });
  const before = workshop.log.entries();
  const b = await branch(workshop, common, [revoke(2, [2, 1])]);
  await take(workshop, b.entries);
  assert.equal(workshop.log.state.position, [3, 2, 1]);
  assert.is(workshop.log.state.roleNow(1002 as MemberId), null);
  // Another peer hears of the second branch first, and of the delegate's entry only then.
  const other = await workshop.replay([
    ...before.filter((entry) => !a.entries.includes(entry)).slice(0, 4),
    ...b.entries,
  ]);
  for (const entry of workshop.log.entries()) await other.append(entry);
  assert.is(describe(other), describe(workshop.log));
  const named = await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: a.head });
  for (const log of [workshop.log, other]) {
    await log.append(named);
    assert.equal(log.state.position, [5, 2, 2]);
    assert.is(log.state.roleNow(1002 as MemberId), 'editor');
  }
});

test("a delegate's entry on the branch that was not named is handed on, and whoever joins later takes it", async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(delegate(2));
  const common = workshop.log.head;
  const a = await branch(workshop, common, [grant(3, 'fay')]);
  const b = await branch(workshop, common, [revoke(2, [2, 0])]);
  await take(workshop, a.entries);
  const onA = await workshop.add(grant(1001, 'cyd'), { log: 2 });
  await take(workshop, b.entries);
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: b.head }));
  assert.is(workshop.log.state.roleNow(1001 as MemberId), null);
  const joiner = await workshop.replay(workshop.log.entries());
  assert.ok(joiner.has(workshop.log.hashOf(onA)));
  assert.is(describe(joiner), describe(workshop.log));
});

test("a delegate's entry that means nothing on any branch is refused, whether the fork is settled or not", async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  await workshop.add(delegate(2, { role: 'debugger' }));
  const common = workshop.log.head;
  const a = await branch(workshop, common, [grant(3, 'fay')]);
  const b = await branch(workshop, common, [grant(3, 'dan')]);
  await take(workshop, a.entries);
  const aboveCap = await workshop.sign(grant(1001, 'cyd'), { log: 2 });
  assert.is(await codeOf(workshop.log.append(aboveCap)), 'BAD_CONTROL_ENTRY');
  await take(workshop, b.entries);
  assert.is(workshop.log.state.forks.length, 1);
  assert.is(await codeOf(workshop.log.append(aboveCap)), 'BAD_CONTROL_ENTRY');
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: b.head }));
  assert.is(await codeOf(workshop.log.append(aboveCap)), 'BAD_CONTROL_ENTRY');
});

test('where branches gave a delegate two keys, the one of the branch that counts signs its log', async () => {
  const workshop = await openWorkshop();
  await workshop.add(grant(2, 'bob'));
  const common = workshop.log.head;
  const other = { ...(delegate(2) as Extract<ControlEntryBody, { type: 'delegate' }>), key: keyOf('another delegate') };
  const a = await branch(workshop, common, [delegate(2)]);
  const b = await branch(workshop, common, [other, grant(3, 'fay')]);
  await take(workshop, a.entries);
  const underA = await workshop.sign(grant(1001, 'cyd'), { log: 2 });
  await take(workshop, b.entries);
  await workshop.log.append(underA);
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: b.head }));
  assert.is(workshop.log.seq, 5);
  assert.is(workshop.log.state.roleNow(1001 as MemberId), null);
  assert.is(
    await codeOf(workshop.log.append(await workshop.sign(grant(1001, 'dan'), { log: 2 }))),
    'BAD_CONTROL_ENTRY',
  );
  await workshop.log.append(await workshop.sign(grant(1001, 'dan'), { log: 2, by: 'another delegate' }));
  assert.is(workshop.log.state.roleNow(1001 as MemberId), 'editor');
});

test('forks and rotations give one state in whatever order their entries come', async () => {
  const random = randomFrom(seedOf('fork order'));
  const { workshop, common, a, b } = await forked();
  await take(workshop, [...a.entries, ...b.entries]);
  const c = await branch(workshop, a.head, [role(2, 'editor')]);
  const d = await branch(workshop, { seq: 5, hash: workshop.log.hashOf(a.entries[1] as string) }, [revoke(3)]);
  const settled = await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: a.head });
  await take(workshop, [...c.entries, ...d.entries, settled]);
  assert.is(workshop.log.seq, 7);
  const loose = [...a.entries, ...b.entries, ...c.entries, ...d.entries, settled];
  for (let run = 0; run < 20; run++) {
    const copy = workshop.empty();
    for (const entry of workshop.signed) await copy.append(entry, { trusted: true });
    const left = [...loose].sort(() => random() - 0.5);
    while (left.length > 0) {
      const at = left.findIndex((entry) => copy.has(previousOf(entry)));
      await copy.append(left.splice(at, 1)[0] as string, { trusted: true });
    }
    assert.is(describe(copy), describe(workshop.log), `run ${run}`);
  }
  assert.is(common.seq, 3);
});

test('a slot takes only so many entries, and a rotation still', async () => {
  const { workshop, common } = await forked();
  const codes: string[] = [];
  for (let i = 0; i < 6; i++) {
    codes.push(await codeOf(workshop.log.append(await workshop.sign(grant(3, `joiner ${i}`), { after: common }))));
  }
  assert.is(codes.filter((code) => code === 'accepted').length, 4);
  await workshop.log.append(await workshop.sign(await rotate('owner 2'), { by: 'recovery', after: common }));
  assert.is(workshop.log.seq, 4);
});

function previousOf(compact: string): string {
  return JSON.parse(Buffer.from(compact.split('.')[1] as string, 'base64url').toString()).previous;
}

test.run();
