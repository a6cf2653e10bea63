/** Why the program stands, and whose doing it is: breakpoints, what somebody asked for, or nothing that matters. */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId, MemberId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { AttachedProcess, CdpSession } from '../../../targets/attached-process.ts';
import type { GeneratedPosition } from '../../source/script-registry-interface.ts';
import type { BreakpointReconciler } from '../breakpoints/breakpoint-reconciler.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import type { ReturnPoints } from '../stepping/return-points.ts';
import type { AskedStops } from './asked-stops.ts';
import { conditionTest } from './condition-test.ts';
import { type StopOwners, sortOwners } from './stop-owners.ts';
import { isException, reasonsOf } from './stop-reasons.ts';

/** `silent`: nobody wants this stop; `glance`: only a look at it. */
export type StopReason = Pause['reason'] | 'silent' | 'glance';

export interface StopJudgeParts {
  readonly process: AttachedProcess;
  readonly cdp: CdpSession;
  readonly reconciler: BreakpointReconciler;
  readonly asked: AskedStops;
  readonly returns: ReturnPoints;
  desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint>;
  /** Whether this member's own breakpoints may hold the program now. */
  mayHold(member: MemberId, isStepping: boolean): boolean;
}

export class StopJudge {
  readonly #parts: StopJudgeParts;

  constructor(parts: StopJudgeParts) {
    this.#parts = parts;
  }

  /** Whose breakpoints a stop belongs to. At the first statement of a script it arms first what lies in it. */
  async owners(event: Protocol.Debugger.PausedEvent): Promise<StopOwners> {
    const parts = this.#parts;
    const startsAt = await this.#armStartingScript(event);
    const owners = await this.#ownersOf(event, startsAt);
    // One's own breakpoints stop nobody else's step.
    return sortOwners(owners, parts.desired(), (member) => parts.mayHold(member, parts.asked.stepper.active));
  }

  /** To be asked once for each stop: what was waited for is found here and not waited for any more. */
  reason(event: Protocol.Debugger.PausedEvent, isOwned: boolean): StopReason {
    const { asked, returns } = this.#parts;
    const { stepper, glances } = asked;
    const hits = event.hitBreakpoints ?? [];
    const reasons = reasonsOf(event);
    if (reasons.some(isException)) return isOwned ? 'exception' : 'silent';
    if (isOwned) return 'breakpoint';
    if (asked.takeEntry(hits)) return 'entry';
    if (asked.isPauseAsked) return 'pause-command';
    if (glances.wanted && !stepper.active) return 'glance';
    if (hits.length === 0 && !stepper.active && glances.takeLeftOver()) return 'silent';
    if (reasons.includes('Break on start')) return this.#reasonAtStart();
    if (returns.isReached(hits, event.callFrames.length)) return 'step';
    if (hits.length > 0 && !reasons.includes('step')) return 'silent';
    if (stepper.active) return 'step';
    return reasons.includes('other') ? 'debugger-statement' : 'other';
  }

  /**
   * @returns where it stands, when that is the first statement of a script. That may be the first of a function of it,
   * which is called again: what is armed there by then V8 has tested itself.
   */
  async #armStartingScript({
    hitBreakpoints = [],
    callFrames: [top],
  }: Protocol.Debugger.PausedEvent): Promise<GeneratedPosition | undefined> {
    const { reconciler } = this.#parts;
    if (top === undefined || !hitBreakpoints.some((hit) => reconciler.isProbe(hit))) return undefined;
    const { scriptId, lineNumber, columnNumber = 0 } = top.location;
    const place = { scriptId, lineNumber, columnNumber };
    const wasArmed = reconciler.isArmedAt(place);
    await reconciler.scriptStarting(scriptId);
    return wasArmed ? undefined : place;
  }

  #ownersOf(
    event: Protocol.Debugger.PausedEvent,
    startsAt: GeneratedPosition | undefined,
  ): Promise<BreakpointId[]> | BreakpointId[] {
    const { reconciler, cdp, process } = this.#parts;
    if (reasonsOf(event).some(isException)) return reconciler.exceptionOwners(isUncaught(event));
    const test = conditionTest(cdp, process.adapter, event.callFrames[0]?.callFrameId);
    return reconciler.ownersOf(event.hitBreakpoints ?? [], startsAt, test);
  }

  /**
   * A program we launched, and a worker thread, is held by other means: nobody asked to stop at its first line. A debug
   * adapter stands there only when it was asked to.
   */
  #reasonAtStart(): StopReason {
    const { launch, thread, adapter } = this.#parts.process;
    return (launch === undefined && thread === undefined) || adapter !== undefined ? 'entry' : 'silent';
  }
}

function isUncaught({ data }: Protocol.Debugger.PausedEvent): boolean {
  const { uncaught }: { uncaught?: unknown } = data ?? {};
  return uncaught === true;
}
