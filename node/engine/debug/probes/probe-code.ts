/** What of one probe goes into the program: the condition of a breakpoint, or an edit of the script. */

import type { BreakablePlace } from '../breakpoints/breakpoint-plan.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import { hitTestCode } from '../breakpoints/hit-counts.ts';
import { RUNTIME_NAME } from './probe-runtime.ts';
import type { ScriptEdit } from './script-edits.ts';

interface NumberedProbe {
  readonly n: number;
  readonly breakpoint: DesiredBreakpoint;
  readonly expressions: readonly string[];
}

export function editOf({ n, breakpoint, expressions }: NumberedProbe, place: BreakablePlace): ScriptEdit {
  const { kind, condition, hitCondition } = breakpoint.record;
  const { lineNumber, columnNumber } = place;
  const probe = {
    name: `${RUNTIME_NAME}_${n}`,
    kind: kind === 'trace' ? ('trace' as const) : ('log' as const),
    condition,
    hitCondition,
    expressions,
  };
  return { key: `${n} ${place.scriptId}:${lineNumber}:${columnNumber}`, probe, lineNumber, columnNumber };
}

/** Writes down what it sees where what it asks holds, and never holds itself. */
export function conditionCode({ n, breakpoint, expressions }: NumberedProbe): string {
  const thunks = expressions.map((expression) => `()=>(${expression})`).join();
  const probe = `${RUNTIME_NAME}.probes[${n}]`;
  const { condition, hitCondition } = breakpoint.record;
  const asked = [
    ...(condition === undefined ? [] : [`(${condition}\n)`]),
    ...(hitCondition === undefined ? [] : [hitTestCode(`${probe}.seen`, hitCondition)]),
  ];
  return `${probe}.log([${thunks}]${asked.length === 0 ? '' : `,()=>${asked.join('&&')}`})`;
}
