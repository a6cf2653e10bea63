/** The scopes of a frame as DAP scopes; what came with them is kept, so that opening one asks nobody. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DapSession } from './dap-session.ts';
import type { ReadScopes } from './read-values.ts';

const NAMES: Readonly<Record<string, string>> = {
  local: 'Local',
  closure: 'Closure',
  block: 'Block',
  catch: 'Catch',
  with: 'With',
  script: 'Script',
  eval: 'Eval',
  module: 'Module',
  global: 'Global',
};

export function shownScopes(
  session: DapSession,
  frame: number,
  { scopes, generation }: ReadScopes,
): DebugProtocol.Scope[] {
  return scopes
    .filter(({ handle }) => handle !== '')
    .map(({ type, name, handle, variables, truncated }) => {
      const title = NAMES[type] ?? type;
      const isLocal = type === 'local';
      return {
        name: name === undefined || name === '' || isLocal ? title : `${title}: ${name}`,
        expensive: type === 'global',
        variablesReference: session.values.add({
          handle,
          frame,
          ...(truncated ? {} : { read: { variables, generation } }),
        }),
        ...(isLocal ? { presentationHint: 'locals' } : {}),
        ...(truncated ? {} : { namedVariables: variables.length }),
      };
    });
}
