/**
 * Hits of breakpoints that stop only at some of them. Counted here: the program stands for each (about 1 ms), and runs
 * on by itself where it is not the one.
 */

import type { BreakpointId } from '#shared/ids.ts';
import { type Breakpoint, HIT_CONDITION } from '#shared/model/breakpoint.ts';

interface Count {
  readonly condition: string;
  hits: number;
}

export class HitCounts {
  readonly #counts = new Map<BreakpointId, Count>();

  /** Counts one hit. @returns whether the program stops at it */
  stopsAt({ id, hitCondition }: Pick<Breakpoint, 'id' | 'hitCondition'>): boolean {
    if (hitCondition === undefined) return true;
    const known = this.#counts.get(id);
    const count = known?.condition === hitCondition ? known : { condition: hitCondition, hits: 0 };
    this.#counts.set(id, count);
    count.hits += 1;
    return holdsAt(hitCondition, count.hits);
  }

  /** Counting begins anew for whatever is not wanted any more. */
  keep(wanted: ReadonlySet<BreakpointId>): void {
    for (const id of [...this.#counts.keys()]) if (!wanted.has(id)) this.#counts.delete(id);
  }
}

/**
 * The same asked in the program, where hits are too many to be told.
 *
 * @param counter code of a number there, 0 in the beginning; each asking is a hit
 */
export function hitTestCode(counter: string, condition: string): string {
  const [, operator = '', count = ''] = /^([<>]=?|%)?.*?(\d+)$/.exec(condition) ?? [];
  const hit = `++${counter}`;
  // Without what a number in code must not begin with.
  const plain = String(Number(count));
  if (operator === '%') return `${hit}%${plain}===0`;
  return `${hit}${operator === '' ? '===' : operator}${plain}`;
}

/** @param hit 1 for the first */
export function holdsAt(condition: string, hit: number): boolean {
  if (!HIT_CONDITION.test(condition)) return true;
  const count = Number(/\d+$/.exec(condition)?.[0]);
  switch (condition.replace(/\s*\d+$/, '')) {
    case '>':
      return hit > count;
    case '>=':
      return hit >= count;
    case '<':
      return hit < count;
    case '<=':
      return hit <= count;
    case '%':
      return count > 0 && hit % count === 0;
    default:
      return hit === count;
  }
}
