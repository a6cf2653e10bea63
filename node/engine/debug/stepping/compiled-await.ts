/**
 * Steps over an `await` that was compiled for ES5. For V8 that is a return like any other, which leads to the caller; of a
 * real `await` or `yield` it knows itself that the function goes on later.
 */

import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { lastOf, type ReturnTarget } from './return-points.ts';
import { StatementOutline } from './statements.ts';
import type { StepKind } from './stepper.ts';

/** Who calls the parts of a function one after the other, in tslib's helper, in tsc's own and in swc's. */
const CALLER = 'step';

/** Innermost frame first. */
type Stack = readonly Protocol.Debugger.CallFrame[];

/** Whether a step may begin at such a place, as far as the stack tells. */
export function mayStandAtAwait(kind: StepKind, [top, caller]: Stack): boolean {
  if (top?.functionLocation === undefined || caller?.functionName !== CALLER) return false;
  // What it awaits may be a call to step into first.
  return kind === 'over' || (kind === 'into' && top.returnValue !== undefined);
}

/** @returns where the function goes on once it is resumed; undefined: it awaits nothing there */
export async function resumptionOf(cdp: CdpSession, stack: Stack): Promise<ReturnTarget | undefined> {
  const [top] = stack;
  if (top?.functionLocation === undefined) return undefined;
  const at = lastOf({ ...top.location, ...(top.returnValue === undefined ? {} : { type: 'return' }) });
  const { scriptSource } = await cdp.send('Debugger.getScriptSource', { scriptId: at.scriptId });
  if (!new StatementOutline(scriptSource).suspends(at)) return undefined;
  // It is resumed on a stack of its own, with no more frames than this one; a recursive call has more.
  return { frames: [{ start: top.functionLocation, except: at, isResumed: true }], maxDepth: stack.length };
}
