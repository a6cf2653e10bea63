// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DriverLease } from '#node/engine/debug/stops/lease.ts';
import { PauseBudget } from '#node/engine/debug/stops/pause-budget.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import { failure } from '../../../failure.ts';
import { FakeTimers } from '../../../fake-timers.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';

const [ADA, BOB, EVE] = [2, 3, 4] as [MemberId, MemberId, MemberId];

function budget(limitMs: number | undefined) {
  const clock = new FakeTimers();
  const log: string[] = [];
  const account = new PauseBudget({
    limitMs,
    timers: clock,
    onSpent: (member) => log.push(`spent ${member} at ${clock.now()}`),
    onRestored: (member) => log.push(`restored ${member} at ${clock.now()}`),
  });
  return { clock, log, account };
}

test('a member’s pauses add up; spent, they let go, and stop nothing until a tenth is back', () => {
  const { clock, log, account } = budget(10_000);
  account.hold(ADA);
  clock.pass(6_000);
  account.hold(ADA);
  clock.pass(3_999);
  assert.equal(log, []);
  clock.pass(1);
  assert.equal(log, ['spent 2 at 10000']);
  assert.not(account.allows(ADA));
  assert.ok(account.allows(BOB));
  clock.pass(2_000);
  assert.equal(log.slice(1), ['restored 2 at 12000']);
  assert.ok(account.allows(ADA));
  account.hold(ADA);
  clock.pass(1_000);
  assert.is(log.at(-1), 'spent 2 at 13000');
});

test('time comes back at half the speed it is spent, up to the whole', () => {
  const { clock, log, account } = budget(10_000);
  account.hold(ADA);
  clock.pass(8_000);
  account.release();
  clock.pass(4_000);
  account.hold(ADA);
  clock.pass(4_000);
  assert.equal(log, ['spent 2 at 16000']);
  clock.pass(10 ** 6);
  account.hold(ADA);
  clock.pass(9_999);
  assert.is(log.filter((line) => line.startsWith('spent')).length, 1);
});

test('each has an account of their own, and a stop at nobody’s doing costs nobody', () => {
  const { clock, log, account } = budget(1_000);
  account.hold(ADA);
  clock.pass(900);
  account.hold(BOB);
  clock.pass(900);
  account.hold(undefined);
  clock.pass(10 ** 6);
  assert.equal(log, []);
  const unlimited = budget(undefined);
  unlimited.account.hold(ADA);
  unlimited.clock.pass(10 ** 9);
  assert.equal(unlimited.log, []);
});

function lease() {
  const clock = new FakeTimers();
  const changes: (MemberId | null)[] = [];
  const driver = new DriverLease({
    target: '1.00000001' as TargetId,
    timers: clock,
    idleLimitMs: 60_000,
    turnLimitMs: 10_000,
    nameOf: (member) => `member ${member}`,
    mayDrive: (member) => member !== EVE,
    onChange: ({ holder }) => changes.push(holder),
  });
  return { clock, driver, changes };
}

test('nobody hoards the lease: however busily one steps, it passes on a turn after somebody asked', () => {
  const { clock, driver } = lease();
  driver.drive(ADA);
  for (let n = 0; n < 100; n++) {
    clock.pass(1_000);
    driver.drive(ADA);
  }
  assert.is(driver.holder, ADA);
  assert.not(driver.take(BOB));
  for (let n = 0; n < 9; n++) {
    clock.pass(1_000);
    driver.drive(ADA);
  }
  clock.pass(1_000);
  assert.is(driver.holder, BOB);
  assert.not(driver.take(ADA));
  clock.pass(10_000);
  assert.is(driver.holder, ADA);
});

test('one who stops waiting interrupts nobody, and one who may not step is passed over', () => {
  const { clock, driver } = lease();
  driver.drive(ADA);
  driver.take(BOB);
  driver.release(BOB);
  for (let n = 0; n < 20; n++) {
    clock.pass(1_000);
    driver.drive(ADA);
  }
  assert.is(driver.holder, ADA);
  driver.take(EVE);
  driver.take(BOB);
  clock.pass(10_000);
  assert.is(driver.holder, BOB);
});

const LOOP = `function tick(n) {\n  return n + 1;\n}\nlet n = 0;\nsetInterval(() => { n = tick(n); }, 20);\n`;

type Views = readonly { readonly id: string }[];

/** Resolves when the host's engine has each of these in that state. */
async function inState({ engine, next }: Workshop, views: Views, wanted: 'armed' | 'refused'): Promise<void> {
  const stateOf = (id: string) => engine(1).breakpoint(id as never)?.statuses[0]?.state;
  while (views.some(({ id }) => stateOf(id) !== wanted)) await next(1, 'breakpoints');
}

test('a member that loses the right to breakpoints has theirs taken out at once, plain ones too, and back with it', () =>
  withWorkshop(async (workshop) => {
    const { write, run, call, mesh, consented } = workshop;
    write({ 'app.js': LOOP });
    consented.add(ADA);
    await run('app.js');
    const theirs = [
      await call(ADA, 'breakpoint.add', { location: 'app.js:2', condition: 'n < 0' }),
      await call(ADA, 'breakpoint.add', { location: 'app.js:4' }),
      await call(ADA, 'breakpoint.add', { exception: 'all' }),
    ];
    await inState(workshop, theirs, 'armed');
    mesh.setRole(ADA, 'commenter');
    await inState(workshop, theirs, 'refused');
    mesh.setRole(ADA, 'debugger');
    await inState(workshop, theirs, 'armed');
  }));

test('a policy that denies running code takes conditions out at once and leaves plain breakpoints', () =>
  withWorkshop(async (workshop) => {
    const { write, run, call, engine, consented, denied } = workshop;
    write({ 'app.js': LOOP });
    consented.add(ADA);
    await run('app.js');
    const probes = [
      await call(ADA, 'breakpoint.add', { location: 'app.js:2', condition: 'n < 0' }),
      await call(1, 'breakpoint.add', { location: 'app.js:2', condition: 'n < -1' }),
    ];
    const plain = [await call(ADA, 'breakpoint.add', { location: 'app.js:4' })];
    await inState(workshop, [...probes, ...plain], 'armed');
    denied.add('evaluate');
    engine(1).recheckConsent();
    await inState(workshop, probes, 'refused');
    await inState(workshop, plain, 'armed');
  }));

test('a guest who has held the program long enough: it runs on, their breakpoint is out, others’ stay', () =>
  withWorkshop(
    async ({ write, run, call, next, nextPause, engine }) => {
      write({ 'app.js': LOOP });
      await run('app.js');
      const stopped = nextPause();
      const mine = await call(ADA, 'breakpoint.add', { location: 'app.js:2' });
      await stopped;
      const out = next(1, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
      const said = next(1, 'output', ({ lines }) => lines.some(({ stream }) => stream === 'system'));
      await next(1, 'pauses', ({ pause }) => pause === null);
      assert.match((await out).view?.statuses[0]?.reason ?? '', 'has held the program for long enough');
      assert.match((await said).lines[0]?.text ?? '', 'member-2 held the program');
      assert.is((await failure(() => call(ADA, 'execution.pause', {}))).code, 'LIMIT_EXCEEDED');
      const again = nextPause();
      await call(1, 'breakpoint.add', { location: 'app.js:2' });
      await again;
      assert.is(engine(1).breakpoint(mine.id)?.statuses[0]?.state, 'refused');
      await call(BOB, 'execution.resume', {});
    },
    { engine: { limits: { pauseLimitMs: 3_000 } } },
  ));

test.run();
