/** Which of an adapter's exception filters mean what the engine calls `caught`, `uncaught` and `all`. */

import type { DebugProtocol } from '@vscode/debugprotocol';

const RAISED = /^(?:raised|all|.*throw.*|.*raise.*)$/i;
const UNCAUGHT = /uncaught|unhandled|panic|fatal/i;

/** @returns ids to set; undefined when the adapter has none for it */
export function exceptionFilters(
  offered: readonly DebugProtocol.ExceptionBreakpointsFilter[],
  state: string,
): string[] | undefined {
  if (state === 'none') return [];
  const ids = offered.map(({ filter }) => filter);
  const uncaught = ids.filter((id) => UNCAUGHT.test(id) && !/^user/i.test(id));
  const raised = ids.filter((id) => RAISED.test(id));
  const wanted = state === 'uncaught' ? uncaught : state === 'caught' ? raised : [...raised, ...uncaught];
  return wanted.length === 0 ? undefined : wanted;
}
