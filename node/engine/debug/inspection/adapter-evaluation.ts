/** Evaluation in another language: what was typed goes to the debug adapter as it is, and what it shows is shown. */

import { SandboxError } from '#shared/errors.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { AdapterTraits } from '../../../targets/attached-process.ts';
import { DEFAULT_EVALUATION_MS } from './allow-list.ts';
import type { EvaluationOptions } from './evaluation.ts';
import { callFrameOf, callTool, fetchChild } from './tool-calls.ts';
import type { VariableChange } from './variable-change.ts';
import { describeRemote } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

/**
 * @param options without a frame: the innermost
 * @throws {SandboxError} NOT_PAUSED, FORBIDDEN, TIMEOUT, EVALUATION_FAILED with the adapter's own words
 */
export async function evaluateByAdapter(
  session: VirtualSession,
  { expression, frame = 0, timeoutMs = DEFAULT_EVALUATION_MS, readOnly }: EvaluationOptions,
  { name }: AdapterTraits,
): Promise<Variable> {
  const shown = expression.trim().slice(0, 60);
  if (readOnly === 'policy') {
    throw new SandboxError(
      'FORBIDDEN',
      `Cannot evaluate "${shown}": policy lets code only read here, and ${name} cannot hold it to that`,
      {
        hint: 'The host can allow "state_modification" for this program with "sandmesh policy set".',
      },
    );
  }
  const { callFrameId } = callFrameOf(session, frame);
  if (readOnly === 'asked') {
    throw new SandboxError(
      'EVALUATION_FAILED',
      `Cannot evaluate "${shown}": ${name} cannot tell whether it changes something`,
    );
  }
  try {
    const { result } = await session.call('Debugger.evaluateOnCallFrame', {
      callFrameId,
      expression,
      timeout: timeoutMs,
    });
    return await describeRemote(session, expression.trim().slice(0, 100), result);
  } catch (error) {
    throw explained(error, `Cannot evaluate "${shown}"`);
  }
}

/** Sets a variable of a frame to what an expression of its language says. @throws as {@link evaluateByAdapter}; BAD_ARGUMENT */
export async function setByAdapter(
  session: VirtualSession,
  { frame, name, within, expression }: VariableChange,
  adapter: AdapterTraits,
): Promise<Variable> {
  const { callFrameId, scopeChain } = callFrameOf(session, frame);
  const wanted = within === undefined ? undefined : session.handles.get(within);
  if (wanted !== undefined && wanted.scope === undefined) {
    throw new SandboxError(
      'BAD_ARGUMENT',
      `Cannot set "${name}": ${adapter.name} is asked for variables of a frame only`,
      {
        hint: 'Evaluate an assignment instead.',
      },
    );
  }
  for (const [scopeNumber, { object }] of scopeChain.entries()) {
    const { objectId } = object;
    if (objectId === undefined || (wanted !== undefined && wanted.scope !== scopeNumber)) continue;
    if ((await callTool(session, objectId, 'has', name)) !== true) continue;
    try {
      const newValue = { value: expression };
      await session.call('Debugger.setVariableValue', { scopeNumber, variableName: name, newValue, callFrameId });
      return await describeRemote(session, name, await fetchChild(session, objectId, { by: 'name', name }));
    } catch (error) {
      throw explained(error, `Cannot set "${name}"`);
    }
  }
  throw new SandboxError(
    'BAD_ARGUMENT',
    `Cannot set "${name}": no scope of frame ${frame} has a variable of that name`,
    {
      hint: 'See what it has with "sandmesh scopes".',
    },
  );
}

function explained(error: unknown, action: string): unknown {
  const isRefusal = error instanceof SandboxError && error.code === 'EVALUATION_FAILED';
  return isRefusal ? new SandboxError('EVALUATION_FAILED', `${action}: ${error.message.slice(0, 500)}`) : error;
}
