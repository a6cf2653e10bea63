/**
 * Feeds parsers of untrusted bytes with what is nearly right. Input i of a target follows from the seed, the target's
 * name and i, so that one is had again alone. A parser may refuse by a SandboxError and in no other way; what it accepts
 * must keep the promises its target states; nothing may take long.
 */

import { SandboxError } from '#shared/errors.ts';
import { Random } from '../simulate/random.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Makes what all inputs share. @returns what makes one input and takes it; throws whatever must not happen */
  prepare(random: Random): Feed | Promise<Feed>;
}

/** @throws {SandboxError} when the input is refused */
export type Feed = (random: Random) => void | Promise<void>;

/** A promise that an accepted input broke. */
export class BrokenPromise extends Error {}

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenPromise(what);
}

export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly error: unknown;
}

export interface Tally {
  accepted: number;
  refused: number;
}

/** CPU time one input may take. The best of three counts: garbage of those before it may be collected meanwhile. */
const SLOW_MS = 250;

export class Fuzzer {
  readonly target: FuzzTarget;
  readonly tally: Tally = { accepted: 0, refused: 0 };
  readonly #seed: number;
  readonly #root: Random;
  readonly #feed: Feed;

  private constructor(target: FuzzTarget, seed: number, root: Random, feed: Feed) {
    this.target = target;
    this.#seed = seed;
    this.#root = root;
    this.#feed = feed;
  }

  static async prepare(target: FuzzTarget, seed: number): Promise<Fuzzer> {
    const root = new Random(seed).fork(target.name);
    return new Fuzzer(target, seed, root, await target.prepare(root.fork('shared')));
  }

  /** Feeds input `index`. @returns what went wrong with it */
  async feed(index: number): Promise<Finding | undefined> {
    const name = `input ${index}`;
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 3; tries++) {
      const started = process.cpuUsage();
      try {
        await this.#feed(this.#root.fork(name));
        if (tries === 0) this.tally.accepted++;
      } catch (error) {
        if (!(error instanceof SandboxError) || error.code === 'INTERNAL') return this.#finding(index, error);
        if (tries === 0) this.tally.refused++;
      }
      const { user, system } = process.cpuUsage(started);
      best = Math.min(best, (user + system) / 1000);
      if (best < SLOW_MS) return undefined;
    }
    return this.#finding(index, new BrokenPromise(`it took ${Math.round(best)} ms`));
  }

  #finding(index: number, error: unknown): Finding {
    return { target: this.target.name, seed: this.#seed, index, error };
  }
}

export interface FuzzOptions {
  readonly seed: number;
  /** Shared by all targets evenly. */
  readonly milliseconds: number;
  /** Of the first input. */
  readonly from?: number;
}

export interface FuzzResult {
  readonly findings: readonly Finding[];
  readonly tallies: ReadonlyMap<string, Tally>;
}

/** Fuzzes until the time is over; a target with a finding is left at that. */
export async function fuzz(targets: readonly FuzzTarget[], options: FuzzOptions): Promise<FuzzResult> {
  const { seed, milliseconds, from = 0 } = options;
  const fuzzers: Fuzzer[] = [];
  for (const target of targets) fuzzers.push(await Fuzzer.prepare(target, seed));
  const findings: Finding[] = [];
  for (const fuzzer of fuzzers) {
    const end = performance.now() + milliseconds / fuzzers.length;
    let index = from;
    do {
      const finding = await fuzzer.feed(index++);
      if (finding !== undefined) findings.push(finding);
    } while (performance.now() < end && findings.at(-1)?.target !== fuzzer.target.name);
  }
  return { findings, tallies: new Map(fuzzers.map(({ target, tally }) => [target.name, tally])) };
}

/** What broke, and the command that shows it again. */
export function describe({ target, seed, index, error }: Finding): string {
  const what = error instanceof BrokenPromise ? error.message : error instanceof Error ? error.stack : String(error);
  return `${target}: ${what}\n  again: npm run fuzz -- --target "${target}" --seed ${seed} --from ${index} --inputs 1`;
}
