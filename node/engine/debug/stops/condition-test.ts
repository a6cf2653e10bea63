/** Whether a condition holds where the program stands: asked of V8, or of the debug adapter in its own language. */

import { SandboxError } from '#shared/errors.ts';
import type { AdapterTraits, CdpSession } from '../../../targets/attached-process.ts';
import { CONDITION_LIMIT_MS, type ConditionTest } from '../breakpoints/armed-places.ts';

/** @param callFrameId of the innermost frame; undefined: none is known */
export function conditionTest(
  cdp: CdpSession,
  adapter: AdapterTraits | undefined,
  callFrameId: string | undefined,
): ConditionTest {
  if (callFrameId === undefined) return async () => 'unknown';
  if (adapter !== undefined) return (condition) => holdsForAdapter(cdp, adapter, callFrameId, condition);
  return (condition, again) => holds(cdp, callFrameId, condition, again);
}

async function holds(
  cdp: CdpSession,
  callFrameId: string,
  condition: string,
  again: boolean,
): ReturnType<ConditionTest> {
  const expression = `!!(${condition}\n)`;
  const limits = { silent: true, throwOnSideEffect: again, timeout: CONDITION_LIMIT_MS };
  try {
    const answer = await cdp.send('Debugger.evaluateOnCallFrame', { callFrameId, expression, ...limits });
    if (answer.exceptionDetails === undefined) return answer.result.value === true;
    const text = answer.exceptionDetails.exception?.description ?? '';
    return again && /side[- ]effect/i.test(text) ? 'unknown' : false;
  } catch (error) {
    const wasStopped = error instanceof SandboxError && /terminated/i.test(error.message);
    return wasStopped && !again ? 'endless' : 'unknown';
  }
}

/** A condition of another language; one that fails does not hold, as everywhere. */
async function holdsForAdapter(
  cdp: CdpSession,
  adapter: AdapterTraits,
  callFrameId: string,
  condition: string,
): ReturnType<ConditionTest> {
  const asked = { callFrameId, expression: adapter.truth(condition), timeout: CONDITION_LIMIT_MS };
  try {
    const { result } = await cdp.send('Debugger.evaluateOnCallFrame', asked);
    return adapter.isTrue(result.description ?? '');
  } catch (error) {
    return error instanceof SandboxError && error.code === 'EVALUATION_FAILED' ? false : 'unknown';
  }
}
