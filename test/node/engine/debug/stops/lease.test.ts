import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DriverLease } from '#node/engine/debug/stops/lease.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { Lease } from '#shared/model/pause.ts';
import { failure } from '../../../failure.ts';
import { FakeTimers } from '../../../fake-timers.ts';

const [ADA, BOB, EVE] = [2, 3, 4] as [MemberId, MemberId, MemberId];
const IDLE_MS = 60_000;

interface Fixture {
  readonly lease: DriverLease;
  readonly timers: FakeTimers;
  /** Every state it told of, as `holder<-queue`. */
  readonly told: string[];
  /** Members who may step. */
  readonly drivers: Set<MemberId>;
}

function withLease(): Fixture {
  const timers = new FakeTimers();
  const told: string[] = [];
  const drivers = new Set([ADA, BOB, EVE]);
  const lease = new DriverLease({
    target: '1.00000000' as TargetId,
    timers,
    idleLimitMs: IDLE_MS,
    turnLimitMs: 10 * IDLE_MS,
    nameOf: (member) => `member-${member}`,
    mayDrive: (member) => drivers.has(member),
    onChange: ({ holder, queue }: Lease) => told.push(`${holder ?? '-'}<-${queue.join()}`),
  });
  return { lease, timers, told, drivers };
}

test('the first step takes it, a later one of the holder changes nothing', () => {
  const { lease, told } = withLease();
  lease.drive(ADA);
  lease.drive(ADA);
  assert.equal(told, ['2<-']);
});

test('another is told who drives and how to ask, for a step and for a resume', async () => {
  const { lease } = withLease();
  lease.mustBeFreeFor(BOB, 'resume');
  lease.drive(ADA);
  const step = await failure(() => lease.drive(BOB));
  assert.is(step.code, 'LEASE_HELD');
  assert.match(step.message, 'Cannot step: member-2 drives');
  assert.match(step.hint ?? '', 'lease take');
  assert.match((await failure(() => lease.mustBeFreeFor(BOB, 'resume'))).message, 'Cannot resume');
  lease.mustBeFreeFor(ADA, 'resume');
});

test('those who ask get it in the order they asked, once each', () => {
  const { lease, told } = withLease();
  assert.ok(lease.take(ADA));
  assert.not(lease.take(BOB));
  assert.not(lease.take(EVE));
  assert.not(lease.take(BOB));
  lease.release(ADA);
  lease.release(BOB);
  lease.release(EVE);
  assert.equal(told, ['2<-', '2<-3', '2<-3,4', '3<-4', '4<-', '-<-']);
});

test('it lapses when its holder takes no step for long enough, and a step starts the time anew', () => {
  const { lease, timers } = withLease();
  lease.drive(ADA);
  timers.pass(IDLE_MS - 1);
  lease.drive(ADA);
  timers.pass(IDLE_MS - 1);
  assert.is(lease.holder, ADA);
  timers.pass(1);
  assert.is(lease.holder, undefined);
  assert.is(timers.pending, 0);
});

test('who leaves gives it up, or their place in the queue', () => {
  const { lease } = withLease();
  lease.take(ADA);
  lease.take(BOB);
  lease.take(EVE);
  lease.leave(BOB);
  lease.leave(ADA);
  assert.is(lease.holder, EVE);
  lease.leave(EVE);
  assert.is(lease.holder, undefined);
});

test('it is handed to whom the holder names, before the queue, unless that one may not step', async () => {
  const { lease, drivers } = withLease();
  lease.take(ADA);
  lease.take(BOB);
  drivers.delete(EVE);
  assert.is((await failure(() => lease.release(ADA, EVE))).code, 'FORBIDDEN');
  assert.is(lease.holder, ADA);
  drivers.add(EVE);
  lease.release(ADA, EVE);
  assert.equal(lease.state.queue, [BOB]);
  assert.is(lease.holder, EVE);
});

test('one who only waits gives back nothing but the place', () => {
  const { lease } = withLease();
  lease.take(ADA);
  lease.take(BOB);
  lease.release(BOB);
  lease.release(EVE);
  assert.equal([lease.holder, lease.state.queue], [ADA, []]);
});

test('the end of the target leaves no timer behind', () => {
  const { lease, timers } = withLease();
  lease.take(ADA);
  lease.take(BOB);
  lease.end();
  assert.is(timers.pending, 0);
  assert.equal([lease.holder, lease.state.queue], [undefined, []]);
});

test.run();
