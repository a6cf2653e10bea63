import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ControlEntryBody } from '#protocol/control-entry.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import {
  delegate,
  describe,
  grant,
  invite,
  keyOf,
  openWorkshop,
  revoke,
  role,
  type Workshop,
} from './control-workshop.ts';

const D = 2;
const roleNow = ({ log }: Workshop, member: number) => log.state.roleNow(member as MemberId);
const counts = ({ log }: Workshop, member: number, control: readonly number[], document = 'debug') =>
  log.state.counts({ member: member as MemberId, incarnation: 1, seq: 1, control, document });

async function refuses(promise: Promise<unknown>, what: string, why = /./): Promise<void> {
  let error = new SandboxError('INTERNAL', 'accepted');
  try {
    await promise;
  } catch (thrown) {
    error = SandboxError.from(thrown);
  }
  assert.is(error.code, 'BAD_CONTROL_ENTRY', `${what}: ${error.message}`);
  assert.match(error.message, why, what);
}

/** Member 2 (bob) is a delegate of 1001 to 2000, up to editor. */
async function withDelegate(options: Parameters<typeof delegate>[1] = {}): Promise<Workshop> {
  const workshop = await openWorkshop();
  await workshop.add(grant(D, 'bob'));
  await workshop.add(delegate(D, options));
  return workshop;
}

test('a delegate invites, admits, changes and removes inside its range', async () => {
  const workshop = await withDelegate();
  assert.is(workshop.log.state.nextMember(D), 1001);
  await workshop.add(invite('link', { admitter: D }), { log: D });
  await workshop.add(grant(1001, 'cyd', 'debugger', 'link'), { log: D });
  await workshop.add(grant(1002, 'dan'), { log: D });
  await workshop.add(role(1002, 'viewer'), { log: D });
  assert.is(roleNow(workshop, 1001), 'debugger');
  assert.is(roleNow(workshop, 1002), 'viewer');
  await workshop.add(revoke(1002), { log: D });
  assert.is(roleNow(workshop, 1002), null);
  const { state } = workshop.log;
  assert.equal(state.position, [3, D, 5]);
  assert.is(state.invites.get(keyOf('link'))?.used, 1);
  assert.is(state.nextMember(D), 1003);
  assert.is(state.nextMember(), 3, 'the owner goes on below the range');
  assert.is(state.roleAt(1001 as MemberId, [3, D, 1]), null);
  assert.is(state.roleAt(1001 as MemberId, [3, D, 2]), 'debugger');
  assert.is(
    state.roleAt(1001 as MemberId, [3]),
    null,
    'a position that names no log of the delegate knows nobody of it',
  );
});

test('what a delegate may not sign is refused, and its log stays as it was', async () => {
  const workshop = await withDelegate({ role: 'debugger' });
  await workshop.add(invite('mine', { admitter: D, role: 'debugger', uses: 2 }), { log: D });
  await workshop.add(grant(1001, 'cyd', 'debugger', 'mine'), { log: D });
  await workshop.add(invite('owners'));
  const bodies: [string, ControlEntryBody, RegExp][] = [
    ['a number below its range', grant(1000, 'eve', 'viewer'), /outside 1001 to 2000/],
    ['a number above its range', grant(2001, 'eve', 'viewer'), /outside/],
    ['a number given before', grant(1001, 'eve', 'viewer'), /exists/],
    ['a role above its cap', grant(1002, 'eve', 'editor'), /above "debugger"/],
    ['an owner', grant(1002, 'eve', 'owner'), /above "debugger"/],
    ['a role raised above its cap', role(1001, 'editor'), /above "debugger"/],
    ['an invite above its cap', invite('other', { admitter: D, role: 'editor' }), /above "debugger"/],
    ['an invite that somebody else admits under', invite('other', { admitter: 0, role: 'viewer' }), /its own invites/],
    ["an owner's invite that does not name it", grant(1002, 'eve', 'viewer', 'owners'), /not open/],
    ['an unknown invite', grant(1002, 'eve', 'viewer', 'nowhere'), /not open/],
    ['a device the owner admitted', grant(1002, 'ada', 'viewer'), /is member 1's/],
    ['the removal of the owner', revoke(1), /admitted no member 1/],
    ['the removal of itself', revoke(D), /admitted no member 2/],
    ["the end of a log, which is the owner's", revoke(1001, [D, 0]), /only the owner ends/],
    ['a delegate of its own', delegate(1001), /only the owner signs/],
    ['a policy', { type: 'policy', policy: {}, frontier: [] }, /only the owner signs/],
    ['a new name', { type: 'config', name: 'mine' }, /only the owner signs/],
  ];
  const head = workshop.log.headOf(D);
  for (const [what, body, why] of bodies) {
    await refuses(workshop.log.append(await workshop.sign(body, { log: D })), what, why);
    assert.equal(workshop.log.headOf(D), head, what);
  }
});

test("only the delegate's own key signs its log, and only the owner's the owner's", async () => {
  const workshop = await withDelegate();
  const fine = grant(1001, 'cyd');
  await refuses(workshop.log.append(await workshop.sign(fine, { log: D, by: 'owner' })), 'the owner in its log');
  await refuses(workshop.log.append(await workshop.sign(fine, { log: D, by: 'delegate 3' })), 'another key');
  await refuses(workshop.log.append(await workshop.sign(grant(3, 'cyd'), { by: 'delegate 2' })), "in the owner's log");
  await refuses(
    workshop.log.append(await workshop.sign(fine, { log: 7, by: 'delegate 7' })),
    'a log of nobody',
    /no delegate/,
  );
});

test('ranges overlap neither each other nor a member, and only whom the owner admitted keeps a log', async () => {
  const workshop = await withDelegate();
  await workshop.add(grant(3, 'cyd'));
  await workshop.add(grant(1500, 'dan'), { log: D });
  const bodies: [string, ControlEntryBody, RegExp][] = [
    ['an overlap below', delegate(3, { from: 500, to: 1001 }), /overlaps/],
    ['an overlap above', delegate(3, { from: 2000, to: 3000 }), /overlaps/],
    ['an overlap inside', delegate(3, { from: 1200, to: 1300 }), /overlaps/],
    ['an overlap around', delegate(3, { from: 4, to: 9000 }), /overlaps/],
    ['a member in the range', delegate(3, { from: 3, to: 9 }), /holds member 3/],
    ['an empty range', delegate(3, { from: 9, to: 8 }), /empty/],
    ['numbers beyond all', delegate(3, { from: 2_097_000, to: 2_097_151 + 1 }), /./],
    ['the role owner', delegate(3, { role: 'owner' }), /owner alone/],
    ['the same member again', delegate(D, { from: 5001, to: 6000 }), /already/],
    ['nobody', delegate(9), /none whom the owner admitted/],
    ['whom a delegate admitted', delegate(1500, { from: 5001, to: 6000 }), /none whom the owner admitted/],
    ["the owner's grant in a range", grant(1001, 'eve'), /range of delegate 2/],
  ];
  for (const [what, body, why] of bodies) await refuses(workshop.log.append(await workshop.sign(body)), what, why);
  await workshop.add(delegate(3));
  await refuses(workshop.log.append(await workshop.sign(grant(1501, 'eve'), { log: 3 })), 'the range of another');
});

test("an owner's invite that names a delegate is used by it alone, as often as it says", async () => {
  const workshop = await withDelegate();
  await refuses(workshop.log.append(await workshop.sign(invite('x', { admitter: 9 }))), 'a stranger', /no delegate/);
  await workshop.add(invite('link', { admitter: D }));
  await refuses(
    workshop.log.append(await workshop.sign(grant(3, 'eve', 'editor', 'link'))),
    'the owner',
    /member 2 admits/,
  );
  await workshop.add(grant(1001, 'cyd', 'editor', 'link'), { log: D });
  assert.is(workshop.log.state.invites.get(keyOf('link'))?.used, 1);
  await refuses(
    workshop.log.append(await workshop.sign(grant(1002, 'dan', 'editor', 'link'), { log: D })),
    'twice',
    /used up/,
  );
});

test('an invite the owner closed is closed for a delegate that has heard of it', async () => {
  const workshop = await withDelegate();
  await workshop.add(invite('link', { admitter: D, uses: 9 }));
  await workshop.add(invite('own', { admitter: D, uses: 9 }), { log: D });
  const early = await workshop.sign(grant(1001, 'cyd', 'editor', 'link'), { log: D });
  await workshop.add({ type: 'revoke-invite', key: keyOf('link') });
  await workshop.add({ type: 'revoke-invite', key: keyOf('own') });
  assert.ok(workshop.log.state.invites.get(keyOf('own'))?.revoked);
  for (const name of ['link', 'own']) {
    const late = await workshop.sign(grant(1001, 'dan', 'editor', name), { log: D });
    await refuses(workshop.log.append(late), name, /not open/);
  }
  await workshop.log.append(early);
  assert.is(roleNow(workshop, 1001), 'editor', 'what the delegate signed without knowing stands');
});

test('a delegate that knows of its end signs nothing any more', async () => {
  for (const end of [revoke(D, [D, 0]), role(D, 'editor', [D, 0])]) {
    const workshop = await withDelegate();
    const unaware = await workshop.sign(grant(1001, 'cyd'), { log: D });
    await workshop.add(end);
    await refuses(
      workshop.log.append(await workshop.sign(grant(1001, 'cyd'), { log: D })),
      'aware',
      /no delegate any more/,
    );
    await workshop.log.append(unaware);
    assert.is(roleNow(workshop, 1001), null, 'beyond the cut it has no effect');
    assert.ok(workshop.log.state.members.has(1001 as MemberId), 'but is known, so that envelopes are judged alike');
  }
});

test('a cut ends what a delegate did beyond it: whom it admitted counts as removed, what it took is given back', async () => {
  const workshop = await withDelegate();
  await workshop.add(grant(1001, 'cyd'), { log: D });
  await workshop.add(grant(1002, 'dan'), { log: D });
  await workshop.add(revoke(1001), { log: D });
  await workshop.add(role(1002, 'viewer'), { log: D });
  await workshop.add(grant(1003, 'eve'), { log: D });
  assert.not(counts(workshop, 1001, [3, D, 2]));
  assert.ok(counts(workshop, 1003, [3, D, 5]));
  await workshop.add(revoke(D, [D, 2]));
  assert.is(roleNow(workshop, 1001), 'editor');
  assert.is(roleNow(workshop, 1002), 'editor');
  assert.is(roleNow(workshop, 1003), null);
  assert.equal(workshop.log.state.members.get(1003 as MemberId)?.removed, { log: 0, seq: 4, owner: 4 });
  assert.ok(counts(workshop, 1001, [3, D, 2]));
  assert.not(counts(workshop, 1003, [3, D, 5]), 'its envelopes are neutralised, whatever they knew');
  assert.is(workshop.log.state.roleAt(1003 as MemberId, [3, D, 5]), 'editor', 'and accepted all the same');
  assert.equal(workshop.log.state.position, [4, D, 5]);
});

test('what was taken beyond the cut is given back to whoever has heard of the end, and to nobody before', async () => {
  const workshop = await withDelegate();
  const might = (member: number, control: readonly number[]) =>
    workshop.log.state.mightWrite({ member: member as MemberId, control, document: 'draft/main.ts' });
  await workshop.add(grant(1001, 'cyd'), { log: D });
  await workshop.add(grant(1002, 'dan'), { log: D });
  await workshop.add(grant(1003, 'eve'), { log: D });
  await workshop.add(revoke(1003), { log: D });
  await workshop.add(revoke(1001), { log: D });
  await workshop.add(role(1002, 'viewer'), { log: D });
  await workshop.add(revoke(D, [D, 4]));
  const { position } = workshop.log.state;
  assert.equal(position, [4, D, 6]);
  assert.ok(might(1001, position), 'a removal');
  assert.ok(counts(workshop, 1001, position, 'draft/main.ts'));
  assert.ok(might(1002, position), 'a lower role');
  assert.ok(counts(workshop, 1002, position, 'draft/main.ts'));
  assert.not(might(1003, position), 'what the delegate did up to the cut stands');
  for (const member of [1001, 1002]) assert.not(might(member, [3, D, 6]), 'it knows of the removal alone');
});

test('a role raised beyond the cut does not count', async () => {
  const workshop = await withDelegate();
  await workshop.add(grant(1001, 'cyd', 'viewer'), { log: D });
  await workshop.add(role(1001, 'editor'), { log: D });
  assert.ok(counts(workshop, 1001, [3, D, 2]));
  await workshop.add(role(D, 'editor', [D, 1]));
  assert.not(counts(workshop, 1001, [3, D, 2]));
  assert.is(roleNow(workshop, 1001), 'viewer');
});

test('the owner has the last word about everybody a delegate admitted, whether it knew or not', async () => {
  const workshop = await withDelegate();
  await workshop.add(grant(1001, 'cyd'), { log: D });
  const unaware = await workshop.sign(role(1001, 'editor'), { log: D });
  await workshop.add(role(1001, 'viewer'));
  await workshop.log.append(unaware);
  assert.is(roleNow(workshop, 1001), 'viewer');
  await refuses(
    workshop.log.append(await workshop.sign(role(1001, 'editor'), { log: D })),
    'raised',
    /the owner made it/,
  );
  await workshop.add(role(1001, 'viewer'), { log: D });
  await workshop.add(revoke(1001));
  await refuses(workshop.log.append(await workshop.sign(revoke(1001), { log: D })), 'again', /owner removed/);
  assert.is(roleNow(workshop, 1001), null);
});

test('whom a delegate removed stays removed, also where the owner changed the role without knowing', async () => {
  const workshop = await withDelegate();
  await workshop.add(grant(1001, 'cyd'), { log: D });
  await workshop.add(revoke(1001), { log: D });
  await workshop.add(role(1001, 'debugger'));
  assert.is(roleNow(workshop, 1001), null);
  const { state } = workshop.log;
  assert.is(state.roleAt(1001 as MemberId, state.position), null);
});

test('entries say how far they have seen the owner, never less than the one before', async () => {
  const workshop = await withDelegate();
  await workshop.add(invite('a'));
  await workshop.add(grant(1001, 'cyd'), { log: D });
  const behind = await openWorkshop();
  await behind.add(grant(D, 'bob'));
  await behind.add(delegate(D));
  const after = workshop.log.headOf(D);
  const falling = await behind.sign(grant(1002, 'dan'), { log: D, after });
  await refuses(workshop.log.append(falling), 'falling', /had seen less/);
  const ahead = await workshop.sign(grant(1002, 'dan'), { log: D, after });
  await behind.log.append(workshop.signed.at(-1) as string).catch(() => undefined);
  await refuses(behind.log.append(ahead), 'ahead of what is here');
});

test('the same entries give the same state in whatever order they come', async () => {
  const random = randomFrom(seedOf('control order'));
  const workshop = await openWorkshop();
  for (const [member, name] of [
    [2, 'bob'],
    [3, 'cyd'],
    [4, 'dan'],
  ] as const)
    await workshop.add(grant(member, name));
  await workshop.add(delegate(2));
  await workshop.add(delegate(3, { role: 'debugger' }));
  await workshop.add(invite('link', { admitter: 2, uses: 5 }));
  const loose: string[] = [];
  const perhaps = async (body: ControlEntryBody, log: number): Promise<void> => {
    try {
      loose.push(await workshop.add(body, { log }));
    } catch (error) {
      assert.is(SandboxError.from(error).code, 'BAD_CONTROL_ENTRY');
    }
  };
  for (let i = 0; i < 60; i++) {
    const log = [0, 2, 2, 3, 3][Math.floor(random() * 5)] as number;
    const base = log === 0 ? 10 : (log - 1) * 1000 + 1;
    const member = base + Math.floor(random() * 6);
    const any = [member, 1001, 1002, 2001][Math.floor(random() * 4)] as number;
    const gives = random() < 0.5 ? ('viewer' as const) : ('debugger' as const);
    const bodies = [
      grant(member, `joiner ${Math.floor(random() * 12)}`, gives, log === 2 && random() < 0.3 ? 'link' : undefined),
      role(log === 0 ? any : member, gives),
      revoke(log === 0 ? any : member),
      invite(`invite ${i}`, { admitter: log, role: gives }),
    ];
    await perhaps(bodies[Math.floor(random() * bodies.length)] as ControlEntryBody, log);
    if (i === 40) await perhaps(revoke(3, [3, Math.floor(workshop.log.headOf(3).seq / 2)]), 0);
  }
  assert.ok(loose.length > 20, `${loose.length} entries are a test`);
  const expected = describe(workshop.log);
  for (let run = 0; run < 12; run++) {
    // Each log in its order, the logs in any: a delegate's entry comes once the owner's it stands on are there.
    const copy = workshop.empty();
    // Signatures and keys are looked at in the other tests: here they would cost most of the time.
    for (const entry of workshop.signed.slice(0, 7)) await copy.append(entry, { trusted: true });
    const queues = [0, 2, 3].map((log) => loose.filter((text) => parse(text).log === log));
    while (queues.some((queue) => queue.length > 0)) {
      const ready = queues.filter((queue) => queue[0] !== undefined && (parse(queue[0]).owner ?? 0) <= copy.seq);
      const queue = ready[Math.floor(random() * ready.length)] as string[];
      await copy.append(queue.shift() as string, { trusted: true });
    }
    assert.is(describe(copy), expected, `run ${run}`);
    if (run === 0) assert.is(describe(await workshop.replay(copy.entries())), expected, 'as handed on');
  }
});

function parse(compact: string): { log: number; owner?: number } {
  return JSON.parse(Buffer.from(compact.split('.')[1] as string, 'base64url').toString());
}

test.run();
