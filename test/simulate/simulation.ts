/**
 * One run: a sandbox is founded, people and rogues do what the plan says while everything fails around them, then the
 * faults end, and once the honest daemons agree they are judged (`invariants.ts`). One seed, one run.
 */

import { createSandbox } from '#node/network/replication/open-replica.ts';
import { toHex } from '#shared/bytes.ts';
import { recoveryKeyOf, settleForks } from './authority.ts';
import { lieForGood } from './crimes.ts';
import { Daemon } from './daemon.ts';
import { agreement, checkInvariants } from './invariants.ts';
import { controlKeyOf, keyOf } from './keys.ts';
import { drawPlan, type Step, type StepKind } from './plan.ts';
import { countCryptoOperations } from './quiescence.ts';
import { Random } from './random.ts';
import { Rogue, Underworld } from './rogue.ts';
import { admit, admitDaemon, takeStep } from './steps.ts';
import { Trace } from './trace.ts';
import { type Problem, World } from './world.ts';

/** Founding and admitting take simulated seconds at most. */
const SETUP_LIMIT_MS = 60_000;
/** Rogues may hold up fetching for a while, never for good. */
const HEALING_LIMIT_MS = 180_000;
/** Comparing everything costs: it is done this often. */
const LOOK_MS = 200;
/** Agreement must last: records that were lost are written again only once peers had 10 s to bring what they announced. */
const SETTLING_MS = 11_500;

export interface SimulationOptions {
  readonly seed: number;
  /** Numbers of the steps to take; all by default. */
  readonly only?: ReadonlySet<number> | undefined;
  /** What comes in droves; any kind by default. */
  readonly favour?: StepKind | undefined;
  /** Sees every line of the trace. */
  readonly print?: ((line: string) => void) | undefined;
}

export interface Outcome {
  readonly seed: number;
  /** The first invariant that broke; undefined when all held. */
  readonly problem: Problem | undefined;
  /** Numbers of the steps taken. */
  readonly steps: readonly number[];
  /** Over everything that happened. */
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly envelopes: number;
}

/** Runs one seed to its end, or to its first problem. */
export async function simulate(options: SimulationOptions): Promise<Outcome> {
  countCryptoOperations();
  const random = new Random(options.seed);
  const trace = new Trace(options.print);
  const underworld = new Underworld();
  const world = new World(random, trace, underworld);
  const plan = drawPlan(random.fork('plan'), options.favour);
  const steps = plan.steps.filter(({ index }) => options.only?.has(index) ?? true);
  const escaped = (error: unknown): void => world.fail('no crash', `an error escaped: ${String(error)}`);
  process.on('unhandledRejection', escaped);
  process.on('uncaughtException', escaped);
  try {
    await found(world);
    for (const role of plan.members) admitDaemon(world, role, random.fork(`member ${world.daemons.length}`));
    for (const role of plan.rogues) addRogue(world, role, underworld);
    const broken = (): boolean => world.problems.length > 0;
    const settled = (): boolean => world.daemons.every((daemon) => daemon.replica !== undefined);
    if (!(await world.scheduler.runUntil(SETUP_LIMIT_MS, () => broken() || settled()))) {
      world.fail('liveness', 'the sandbox did not come to be');
    }
    await misadventures(world, steps, plan.durationMs);
    if (!broken()) await heal(world);
    if (!broken()) await checkInvariants(world);
  } finally {
    process.off('unhandledRejection', escaped);
    process.off('uncaughtException', escaped);
  }
  return {
    seed: options.seed,
    problem: world.problems[0],
    steps: steps.map(({ index }) => index),
    traceHash: trace.end(),
    events: world.scheduler.count,
    simulatedMs: Math.round(world.scheduler.now),
    envelopes: [...world.registry.all()].length,
  };
}

async function found(world: World): Promise<void> {
  const controlSigner = await controlKeyOf('owner');
  const owner = new Daemon(world, 'm0', keyOf('m0'), controlSigner);
  world.daemons.push(owner);
  world.ownerKeys.set(toHex(controlSigner.publicKey), controlSigner);
  const recovery = await recoveryKeyOf(0);
  world.promise(recovery.publicKey, 0);
  const recoveryHash = world.crypto.sha256(recovery.publicKey);
  owner.start((parts) => createSandbox({ controlSigner, ...parts, recoveryHash, name: 'shop', deviceName: 'm0' }));
  await world.scheduler.runUntil(SETUP_LIMIT_MS, () => owner.replica !== undefined || world.problems.length > 0);
  if (owner.replica === undefined) return;
  world.sandbox = owner.replica.sandbox;
  world.founding = owner.replica.control.founding;
  world.decided(owner.replica);
}

function addRogue(world: World, role: Parameters<typeof admit>[2], underworld: Underworld): void {
  const name = `r${world.rogues.length}`;
  const rogue = new Rogue(world, name, keyOf(name), underworld);
  world.rogues.push(rogue);
  admit(world, rogue, role, () => {
    for (const daemon of world.daemons) world.network.introduce(daemon, rogue);
  });
}

async function misadventures(world: World, steps: readonly Step[], durationMs: number): Promise<void> {
  const { scheduler } = world;
  for (const step of steps) {
    world.later(step.atMs, `step ${step.index} ${step.kind}`, () => takeStep(world, step));
  }
  await scheduler.runUntil(scheduler.now + durationMs, () => world.problems.length > 0);
}

/** No more faults: everybody runs and reaches everybody, until all honest ones agree and go on agreeing. */
async function heal(world: World): Promise<void> {
  const { scheduler, network, daemons } = world;
  world.trace('faults end');
  world.calm = true;
  network.partition(undefined);
  for (const [i, daemon] of daemons.entries()) {
    daemon.killSoon(0);
    daemon.home.room = Number.POSITIVE_INFINITY;
    const before = daemons[i - 1];
    if (before !== undefined) network.introduce(before, daemon);
  }
  for (const rogue of world.rogues) {
    const random = world.random.fork(`last lie of ${rogue.name}`);
    if (random.chance(0.5)) lieForGood(world, rogue, random);
  }
  const end = scheduler.now + HEALING_LIMIT_MS;
  const broken = (): boolean => world.problems.length > 0;
  for (;;) {
    for (const daemon of daemons) daemon.start();
    // Somebody who is asked to does so: nothing is settled by itself.
    settleForks(world).catch((error: unknown) => world.fail('no crash', `forks are not settled: ${String(error)}`));
    let lookAt = scheduler.now;
    const agreed = (): boolean => {
      if (broken()) return true;
      if (scheduler.now < lookAt) return false;
      lookAt = scheduler.now + LOOK_MS;
      return agreement(world) === undefined;
    };
    const reached = await scheduler.runUntil(Math.min(end, scheduler.now + 5_000), agreed);
    if (reached) await scheduler.runUntil(scheduler.now + SETTLING_MS, broken);
    if (broken() || agreement(world) === undefined) return;
    if (scheduler.now >= end) return world.fail('convergence', agreement(world) ?? '');
  }
}
