/** The history of one member's role, as owner and delegates told it: in which order, and what follows from it. */

import type { Role } from '#shared/rights.ts';
import { isAbove, type Place, type RoleStep } from './control-fold.ts';
import { OWNER_LOG } from './control-position.ts';

/**
 * One order for what owner and delegate said of a member: a delegate's word stands right after the last entry of the
 * owner it had seen, so that what the owner said later, or without knowing of it, has the last word.
 */
export function compareSteps(a: RoleStep, b: RoleStep): number {
  return (
    a.place.owner - b.place.owner ||
    Number(a.place.log !== OWNER_LOG) - Number(b.place.log !== OWNER_LOG) ||
    a.place.seq - b.place.seq
  );
}

/** The last role among the steps that `seen` picks; null before the first, and for good after a removal. */
export function roleOf(steps: readonly RoleStep[] | undefined, seen: (place: Place) => boolean): Role | null {
  let role: Role | null = null;
  for (const step of steps ?? []) {
    if (!seen(step.place)) continue;
    if (step.role === null) return null;
    role = step.role;
  }
  return role;
}

export function lastRole(steps: readonly RoleStep[]): Role | undefined {
  return steps.findLast((step) => step.role !== null)?.role ?? undefined;
}

export function narrows(role: Role | null, before: Role | null): boolean {
  return role === null || before === null || isAbove(before, role);
}
