/** What becomes of a stop, by the kinds of the breakpoints that it belongs to. */

import type { BreakpointId, MemberId } from '#shared/ids.ts';
import { kindOf } from '#shared/model/breakpoint.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';

export interface StopOwners {
  /** Those that stop the program. */
  readonly stopping: BreakpointId[];
  /** Those that only leave a snapshot of it. */
  readonly passing: BreakpointId[];
  /** Nobody but this member's own breakpoints stopped it. */
  readonly heldBy: MemberId | undefined;
}

/** @param mayHold whether a member's own breakpoints may stop the program now */
export function sortOwners(
  owners: readonly BreakpointId[],
  desired: ReadonlyMap<BreakpointId, DesiredBreakpoint>,
  mayHold: (member: MemberId) => boolean,
): StopOwners {
  const stopping: BreakpointId[] = [];
  const passing: BreakpointId[] = [];
  let [isOurs, heldBy]: [boolean, MemberId | undefined] = [false, undefined];
  for (const id of owners) {
    const found = desired.get(id);
    const kind = found === undefined ? 'ours' : kindOf(found.record);
    if (kind === 'snapshot' || (kind === 'mine' && found !== undefined && !mayHold(found.writtenBy))) {
      passing.push(id);
      continue;
    }
    stopping.push(id);
    if (kind === 'mine') heldBy ??= found?.writtenBy;
    else isOurs = true;
  }
  return { stopping, passing, heldBy: isOurs ? undefined : heldBy };
}
