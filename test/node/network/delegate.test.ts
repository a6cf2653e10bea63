import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { JoinProgress } from '#node/network/join.ts';
import type { JoinDecision } from '#node/network/join-desk.ts';
import { failureOf, makeDelegate, meet, sees, until, withWorld } from './network-fixture.ts';

const isWaiting = (step: JoinProgress): step is Extract<JoinProgress, { state: 'waiting' }> => step.state === 'waiting';

test('a delegate admits while the owner is away, by its own link and by one of the owner that names it', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const bob = await world.daemon('bob');
    const [cyd, dan] = [await world.daemon('cyd'), await world.daemon('dan')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    await makeDelegate(owner, bob, 'debugger');
    const named = await world.invite(owner, { admitter: bob.replica?.self as never, via: [bob, owner] });
    await until(() => bob.replica?.control.invites.has(named.record.publicKey) === true, 'bob hears of the invite');
    await owner.network.stop();

    const own = await world.invite(bob, { role: 'viewer' });
    assert.is(await world.join(cyd, own.link), 1001);
    assert.is(await world.join(dan, named.link), 1002);
    assert.is(cyd.replica?.control.members.get(1001 as never)?.role, 'viewer');
    await meet(bob, cyd);
    await meet(cyd, dan);

    await owner.restart();
    await until(() => owner.replica.control.members.size === 4, 'the owner learns whom bob admitted');
    await meet(owner, cyd);
    await owner.replica.authority?.revoke(bob.replica?.self as never);
    await until(() => bob.replica?.authority === undefined, 'bob admits nobody any more');
    assert.not(owner.replica.control.members.get(1001 as never)?.removed, 'whom it admitted stays');
  }));

test('a delegate makes nobody more than the owner said last, and is told so', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd] = [await world.daemon('bob'), await world.daemon('cyd')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    await makeDelegate(owner, bob);
    const member = await world.join(cyd, (await world.invite(bob, { role: 'debugger' })).link);
    const roleAt = (daemon: typeof bob) => daemon.replica?.control.members.get(member as never)?.role;
    await until(() => roleAt(owner) === 'debugger', 'the owner hears of cyd');
    await owner.replica.authority?.setRole(member as never, 'commenter');
    await until(() => roleAt(bob) === 'commenter', 'bob hears what the owner said');

    const error = await failureOf(bob.replica?.authority?.setRole(member as never, 'debugger') as Promise<void>);
    assert.is(error.code, 'FORBIDDEN');
    assert.match(error.message, 'the owner made it "commenter"');
    await bob.replica?.authority?.setRole(member as never, 'viewer');
    await bob.replica?.authority?.setRole(member as never, 'commenter');
    await until(() => roleAt(owner) === 'commenter', 'bob changes it within that');
  }));

test('a request is carried to an owner who was away; the joiner sees for whom it waits', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd] = [await world.daemon('bob'), await world.daemon('cyd')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    const { link, record } = await world.invite(owner, { approval: true, via: [owner, bob] });
    await until(() => bob.replica?.control.invites.has(record.publicKey) === true, 'bob hears of the invite');
    await owner.network.stop();
    let answer: (decision: JoinDecision) => void = () => undefined;
    let asked = 0;
    owner.approve = (request) => {
      assert.is(request.name, 'cyd');
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const progress: JoinProgress[] = [];
    const joining = world.join(cyd, link, { onProgress: (step) => progress.push(step) });
    await until(() => progress.some(isWaiting), 'the joiner waits');
    assert.equal(progress.find(isWaiting), { state: 'waiting', admitter: 'ada', carried: true, away: true });
    await owner.restart();
    await until(() => asked === 1, 'the owner is asked', 30_000);
    assert.equal(progress.findLast(isWaiting), { state: 'waiting', admitter: 'ada', carried: true, away: false });
    answer({ approved: true, role: 'viewer' });
    assert.is(await joining, 3);
    assert.is(owner.replica.control.members.get(3 as never)?.role, 'viewer');
    await until(() => sees(cyd, owner), 'it meets the owner');
  }));

test('a no is carried back, and a joiner that gave up is a member when it returns', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd, eve] = [await world.daemon('bob'), await world.daemon('cyd'), await world.daemon('eve')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    const { link, record } = await world.invite(owner, { approval: true, uses: 2, via: [bob] });
    await until(() => bob.replica?.control.invites.has(record.publicKey) === true, 'bob hears of the invite');
    let decide: (approved: boolean) => void = () => undefined;
    owner.approve = () =>
      new Promise((resolve) => {
        decide = (approved) => resolve(approved ? { approved, role: 'viewer' } : { approved });
      });
    let decided = decide;
    const refused = failureOf(world.join(eve, link));
    await until(() => decide !== decided, 'the owner is asked about eve');
    decided = decide;
    decide(false);
    assert.is((await refused).code, 'JOIN_DENIED');

    const lid = new AbortController();
    const given = failureOf(world.join(cyd, link, { signal: lid.signal }));
    await until(() => decide !== decided, 'the owner is asked about cyd');
    lid.abort(new Error('lid closed'));
    assert.is((await given).message, 'lid closed');
    decide(true);
    await until(() => owner.replica.control.members.size === 3, 'it is granted');
    assert.is(await world.join(cyd, link), 3);
  }));

test('a single-use link admits one of two, one asking the owner and one carried there', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd, dan] = [await world.daemon('bob'), await world.daemon('cyd'), await world.daemon('dan')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    const direct = await world.invite(owner);
    await until(() => bob.replica?.control.invites.has(direct.record.publicKey) === true, 'bob hears of the invite');
    const viaBob = { ...direct.link, peers: [bob.network.linkPeer()] };
    const results = await Promise.allSettled([world.join(cyd, direct.link), world.join(dan, viaBob)]);
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') assert.is(result.reason.code, 'INVITE_USED');
    assert.is(owner.replica.control.members.size, 3);
  }));

test('a link limited to addresses is judged by where the admitter sees the joiner, and never carried', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd] = [await world.daemon('bob'), await world.daemon('cyd')];
    await world.join(bob, (await world.invite(owner)).link);
    await meet(owner, bob);
    const elsewhere = await world.invite(owner, { addresses: ['10.0.0.0/8', 'fd00::/8'] });
    const error = await failureOf(world.join(cyd, elsewhere.link));
    assert.is(error.code, 'JOIN_DENIED');
    assert.match(error.message, 'certain addresses');
    const here = await world.invite(owner, { addresses: ['127.0.0.0/8'], uses: 2 });
    await until(() => bob.replica?.control.invites.has(here.record.publicKey) === true, 'bob hears of the invite');
    const carried = await failureOf(world.join(cyd, { ...here.link, peers: [bob.network.linkPeer()] }));
    assert.is(carried.code, 'PEER_UNREACHABLE');
    assert.match(carried.message, 'directly');
    assert.is(await world.join(cyd, here.link), 3);
  }));

test('the streams of a removed member are closed within a second, and it learns why', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const [bob, cyd] = [await world.daemon('bob'), await world.daemon('cyd')];
    await world.join(bob, (await world.invite(owner)).link);
    await world.join(cyd, (await world.invite(owner)).link);
    await meet(owner, bob);
    await meet(owner, cyd);
    await meet(bob, cyd);
    const [session] = owner.network.sessions(owner.replica.sandbox);
    assert.is((session?.expiresAt ?? 0) - (session?.openedAt ?? 0), 12 * 3600_000);
    const started = performance.now();
    await owner.replica.authority?.revoke(bob.replica?.self as never);
    await until(() => !sees(owner, bob) && !sees(cyd, bob), 'it is cut off everywhere');
    const elapsedMs = performance.now() - started;
    assert.ok(elapsedMs < 1000, `it took ${Math.round(elapsedMs)} ms`);
    assert.is(owner.network.sessions(owner.replica.sandbox).length, 1);
    await until(() => bob.replica?.control.members.get(bob.replica.self)?.removed === true, 'it learns of its removal');
  }));

test.run();
