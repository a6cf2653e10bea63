/** A value of the sandbox's model as a DAP variable. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Variable } from '#shared/model/pause.ts';
import type { DapSession } from './dap-session.ts';

/** @param frame it was reached from; undefined: evaluated while the program ran */
export function shownVariable(
  session: DapSession,
  variable: Variable,
  frame: number | undefined,
): DebugProtocol.Variable {
  const { name, value, type, handle, size, kind, path } = variable;
  const variablesReference = handle === undefined ? 0 : session.values.add({ handle, frame });
  return {
    name,
    value,
    type,
    variablesReference,
    ...(path === undefined ? {} : { evaluateName: path }),
    // Whatever has elements has a few names besides; counting those takes a look at each.
    ...(size === undefined || handle === undefined ? {} : { indexedVariables: size, namedVariables: 1 }),
    ...hintOf(variable, kind),
  };
}

function hintOf(
  { writable }: Variable,
  kind: Variable['kind'],
): { presentationHint?: DebugProtocol.VariablePresentationHint } {
  const attributes = writable === false && kind !== 'return' ? ['readOnly'] : [];
  const visibility = kind === 'internal' ? { visibility: 'internal' } : {};
  const role = kind === 'accessor' ? { kind: 'property' } : {};
  const hint = { ...visibility, ...role, ...(attributes.length === 0 ? {} : { attributes }) };
  return Object.keys(hint).length === 0 ? {} : { presentationHint: hint };
}
