/**
 * The places of one process that V8 stops at, and who wants each: V8 takes one breakpoint a place, so those of several
 * members are one there, and whose it was is found out at the stop.
 */

import type { BreakpointId } from '#shared/ids.ts';
import { type Breakpoint, kindOf } from '#shared/model/breakpoint.ts';
import type { AdapterTraits, CdpSession } from '../../../targets/attached-process.ts';
import type { GeneratedPosition } from '../../source/script-registry-interface.ts';
import type { BreakablePlace } from './breakpoint-plan.ts';
import type { CodeFailures } from './code-failures.ts';
import { endsByItself, type MergedCondition, mergeConditions } from './condition.ts';
import { HitCounts } from './hit-counts.ts';

/** A condition may take this long, once for each stop: the program stands meanwhile. */
export const CONDITION_LIMIT_MS = 100;

/** `unknown`: it cannot be told without an effect, or the target is gone; `endless`: it was cut off. */
export type ConditionVerdict = boolean | 'unknown' | 'endless' | { readonly threw: string };

/**
 * Evaluates a condition in the innermost frame of the current pause, for a limited time.
 *
 * @param again it was evaluated at this stop already, so it must have no effect now
 */
export type ConditionTest = (condition: string, again: boolean) => Promise<ConditionVerdict>;

/** Who wants a place. */
export interface PlaceOwner {
  readonly record: Breakpoint;
  /** What a logpoint runs there: it writes down what it sees and never holds. */
  readonly probe?: { readonly code: string; readonly isBounded: boolean };
}

export interface PlaceWish {
  readonly place: BreakablePlace;
  readonly owner: PlaceOwner;
}

/** One V8 breakpoint and whoever wants it. */
interface ArmedPlace extends BreakablePlace {
  readonly v8Breakpoint: string;
  /** Tested by V8 itself. Undefined: it stops every time, and whatever conditions there are get tested then. */
  readonly condition: string | undefined;
  owners: readonly PlaceOwner[];
}

/** A condition of a place where the program stands. */
interface StoppedCondition {
  readonly record: Breakpoint;
  readonly condition: string;
  /** By V8, at this stop. */
  readonly tested: boolean;
  /** Nobody else wants the place. */
  readonly isAlone: boolean;
}

interface WantedPlace {
  readonly place: BreakablePlace;
  readonly owners: PlaceOwner[];
}

export interface ArmedPlacesParts {
  readonly cdp: CdpSession;
  /** What debugs the program, when it is no Node process. */
  readonly adapter?: AdapterTraits | undefined;
  /** Breakpoints in these scripts come or go once it has resolved. */
  beforeChange(scripts: ReadonlySet<string>): Promise<void>;
}

export class ArmedPlaces {
  readonly #parts: ArmedPlacesParts;
  readonly #armed = new Map<string, ArmedPlace>();
  readonly #hits = new HitCounts();
  readonly #failures: CodeFailures;
  readonly #conditionOf: (owners: readonly PlaceOwner[]) => string | undefined;

  /** @param failures what is known of them; what turns up at a stop is noted */
  constructor(parts: ArmedPlacesParts, failures: CodeFailures) {
    const { adapter } = parts;
    this.#parts = parts;
    this.#failures = failures;
    this.#conditionOf = (owners) =>
      adapter === undefined ? conditionOf(owners, failures) : conditionForAdapter(owners, adapter);
  }

  /** Arms these and no others. */
  async arm(wishes: readonly PlaceWish[]): Promise<void> {
    const wanted = new Map<string, WantedPlace>();
    for (const { place, owner } of wishes) {
      const entry = wanted.get(keyOf(place)) ?? { place, owners: [] };
      entry.owners.push(owner);
      wanted.set(keyOf(place), entry);
    }
    this.#hits.keep(new Set(wishes.map(({ owner }) => owner.record.id)));
    const stale = [...this.#armed].filter(([key, armed]) => {
      const entry = wanted.get(key);
      return entry === undefined || this.#conditionOf(entry.owners) !== armed.condition;
    });
    const fresh = [...wanted].filter(([key]) => !this.#armed.has(key));
    const changing = [...stale.map(([, armed]) => armed.scriptId), ...fresh.map(([, { place }]) => place.scriptId)];
    if (changing.length > 0) await this.#parts.beforeChange(new Set(changing));
    await Promise.all(
      stale.map(async ([key, { v8Breakpoint }]) => {
        this.#armed.delete(key);
        await this.#parts.cdp.send('Debugger.removeBreakpoint', { breakpointId: v8Breakpoint });
      }),
    );
    await Promise.all([...wanted].map(([key, entry]) => this.#armOne(key, entry)));
  }

  /** V8 has dropped every breakpoint of this script: {@link arm} sets them anew. */
  async drop(scriptId: string): Promise<void> {
    const dropped = [...this.#armed].filter(([, armed]) => armed.scriptId === scriptId);
    await Promise.all(
      dropped.map(async ([key, { v8Breakpoint }]) => {
        this.#armed.delete(key);
        await this.#parts.cdp.send('Debugger.removeBreakpoint', { breakpointId: v8Breakpoint });
      }),
    );
  }

  has(place: GeneratedPosition): boolean {
    return this.#armed.has(keyOf(place));
  }

  /** V8's ids of places where nobody wants more than a snapshot, whenever V8 stops there. */
  passing(): string[] {
    const places = [...this.#armed.values()].filter(({ owners, condition }) => {
      const isCertain = owners.length === 1 || owners.every(({ record }) => record.condition === undefined);
      const isTested = condition !== undefined || owners.every(({ record }) => record.condition === undefined);
      const isPassed = owners.every(({ record, probe }) => {
        return probe === undefined && kindOf(record) === 'snapshot' && record.hitCondition === undefined;
      });
      return isPassed && isCertain && isTested;
    });
    return places.map(({ v8Breakpoint }) => v8Breakpoint);
  }

  /**
   * Whose breakpoints a stop belongs to. Of several conditions at one place only the true ones are named.
   *
   * @param hit V8's ids
   * @param at a place counted as hit even if V8 does not name it
   * @returns also those whose code failed, as far as that was not known
   */
  async ownersOf(
    hit: readonly string[],
    at: GeneratedPosition | undefined,
    test: ConditionTest,
  ): Promise<{ owners: BreakpointId[]; failed: Breakpoint[] }> {
    const places = [...this.#armed.values()].filter(
      (armed) => hit.includes(armed.v8Breakpoint) || (at !== undefined && keyOf(armed) === keyOf(at)),
    );
    const owners: BreakpointId[] = [];
    const failed: Breakpoint[] = [];
    for (const place of places) {
      const tested = place.condition !== undefined && hit.includes(place.v8Breakpoint);
      for (const { record, probe } of place.owners) {
        const { id, condition } = record;
        if (probe !== undefined) {
          // V8 has run it where it tested the place; else this is the moment.
          if (!tested && (await test(probe.code, false)) === 'endless') {
            this.#failures.noteEndless(record);
            failed.push(record);
          }
          continue;
        }
        const isAlone = place.owners.length === 1;
        const verdict = condition === undefined || (await this.#verdict({ record, condition, tested, isAlone }, test));
        if (this.#noteFailure(record, verdict)) failed.push(record);
        const holds = verdict === true || verdict === 'unknown';
        if (holds && this.#hits.stopsAt(record)) owners.push(id);
      }
    }
    return { owners, failed };
  }

  async #verdict(
    { record, condition, tested, isAlone }: StoppedCondition,
    test: ConditionTest,
  ): Promise<ConditionVerdict> {
    if (!tested) return test(condition, false);
    const mayHaveThrown = stopsAtThrow(record, this.#failures);
    if (isAlone && !mayHaveThrown) return true;
    const verdict = await test(condition, true);
    // A throw must be told from what holds, also where getters have an effect: they run once more.
    return verdict === 'unknown' && mayHaveThrown ? test(condition, false) : verdict;
  }

  /** @returns whether it failed, and nobody knew */
  #noteFailure(record: Breakpoint, verdict: ConditionVerdict): boolean {
    if (verdict === 'endless') {
      this.#failures.noteEndless(record);
      return true;
    }
    if (typeof verdict !== 'object' || this.#failures.thrownBy(record) !== undefined) return false;
    this.#failures.noteThrown(record, verdict.threw);
    return true;
  }

  async #armOne(key: string, { place, owners }: WantedPlace): Promise<void> {
    const armed = this.#armed.get(key);
    if (armed !== undefined) {
      armed.owners = owners;
      return;
    }
    const { scriptId, lineNumber, columnNumber } = place;
    const location = { scriptId, lineNumber, columnNumber };
    const condition = this.#conditionOf(owners);
    const request = condition === undefined ? { location } : { location, condition };
    const { breakpointId } = await this.#parts.cdp.send('Debugger.setBreakpoint', request);
    this.#armed.set(key, { ...place, owners, condition, v8Breakpoint: breakpointId });
  }
}

function keyOf({ scriptId, lineNumber, columnNumber }: GeneratedPosition): string {
  return `${scriptId}:${lineNumber}:${columnNumber}`;
}

/** Only its own language says how several conditions become one: then it stops always, and each is tested at the stop. */
function conditionForAdapter(owners: readonly PlaceOwner[], adapter: AdapterTraits): string | undefined {
  const [first] = owners;
  return owners.length === 1 && adapter.takesConditions() ? first?.record.condition : undefined;
}

/**
 * Whether it is to be learnt, once, why its condition throws. A snapshot's is not looked at: its stops are over before
 * anybody could.
 */
function stopsAtThrow(record: Breakpoint, failures: CodeFailures): boolean {
  return kindOf(record) !== 'snapshot' && failures.thrownBy(record) === undefined;
}

/** @returns undefined when V8 shall stop there always: somebody wants that, or a condition may not end by itself */
function conditionOf(owners: readonly PlaceOwner[], failures: CodeFailures): string | undefined {
  // What writes down comes first: a condition that holds ends the others.
  const ranked = [...owners].sort((a, b) => Number(b.probe !== undefined) - Number(a.probe !== undefined));
  const conditions = ranked.map(({ record, probe }): MergedCondition | undefined => {
    if (probe !== undefined) return probe.isBounded ? { condition: probe.code, stopsAtThrow: false } : undefined;
    const { condition } = record;
    if (condition === undefined || !endsByItself(condition)) return undefined;
    return { condition, stopsAtThrow: stopsAtThrow(record, failures) };
  });
  const testable = conditions.filter((condition) => condition !== undefined);
  return testable.length === conditions.length ? mergeConditions(testable) : undefined;
}
