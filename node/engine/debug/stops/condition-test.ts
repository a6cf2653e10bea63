/** Whether a condition holds where the program stands: asked of V8, or of the debug adapter in its own language. */

import { SandboxError } from '#shared/errors.ts';
import type { AdapterTraits, CdpSession } from '../../../targets/attached-process.ts';
import { CONDITION_LIMIT_MS, type ConditionTest, type ConditionVerdict } from '../breakpoints/armed-places.ts';

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
): Promise<ConditionVerdict> {
  const expression = `!!(${condition}\n)`;
  const limits = { silent: true, throwOnSideEffect: again, timeout: CONDITION_LIMIT_MS };
  try {
    const answer = await cdp.send('Debugger.evaluateOnCallFrame', { callFrameId, expression, ...limits });
    if (answer.exceptionDetails === undefined) return answer.result.value === true;
    const { exception, text } = answer.exceptionDetails;
    const threw = exception?.description ?? String(exception?.value ?? text);
    return again && /side[- ]effect/i.test(threw) ? 'unknown' : { threw };
  } catch (error) {
    const wasStopped = error instanceof SandboxError && /terminated/i.test(error.message);
    return wasStopped && !again ? 'endless' : 'unknown';
  }
}

/** A condition of another language. */
async function holdsForAdapter(
  cdp: CdpSession,
  adapter: AdapterTraits,
  callFrameId: string,
  condition: string,
): Promise<ConditionVerdict> {
  const asked = { callFrameId, expression: adapter.truth(condition), timeout: CONDITION_LIMIT_MS };
  try {
    const { result } = await cdp.send('Debugger.evaluateOnCallFrame', asked);
    return adapter.isTrue(result.description ?? '');
  } catch (error) {
    if (!(error instanceof SandboxError) || error.code !== 'EVALUATION_FAILED') return 'unknown';
    return { threw: error.message };
  }
}
