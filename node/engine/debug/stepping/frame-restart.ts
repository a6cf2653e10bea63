/** Which frame may run again from its start. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';

type CallFrame = Protocol.Debugger.CallFrame;

/**
 * The frame to restart, as V8 names it.
 *
 * Node's own code is not cut short: it keeps books (of async contexts, timers, half-loaded modules) that it would have
 * closed on its way out. Left open they end the process: "async hook stack has become corrupted" (Node 20.20).
 *
 * @param index of the frame, innermost first
 * @throws {SandboxError} BAD_ARGUMENT for a frame that is not there, EVALUATION_FAILED for one on which Node's own code
 *   stands
 */
export function frameToRestart(
  callFrames: readonly CallFrame[],
  index: number,
  isNodes: (frame: CallFrame) => boolean,
): string {
  const frame = callFrames[index];
  if (frame === undefined) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot restart frame ${index}: there are ${callFrames.length}`);
  }
  const nodes = callFrames.findIndex(isNodes);
  if (nodes === -1 || nodes > index) return frame.callFrameId;
  const { functionName } = callFrames[nodes] as CallFrame;
  const name = functionName === '' ? 'an anonymous function' : functionName;
  throw new SandboxError(
    'EVALUATION_FAILED',
    `Cannot restart frame ${index}: frame ${nodes}, ${name}, is Node's own and must come to its end`,
    nodes === 0 ? {} : { hint: `Restart a frame before frame ${nodes}.` },
  );
}
