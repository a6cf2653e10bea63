/** Calls of the inspection tool on behalf of one client, and the frame they are about. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { ChildReference } from '../inspection-tool/answers.ts';
import { TOOL_FUNCTIONS } from '../inspection-tool/functions.ts';
import type { VirtualSession } from './virtual-session.ts';

/** The call frame, when the target is paused and has it. */
export function callFrameOf(session: VirtualSession, frame: number): Protocol.Debugger.CallFrame {
  const paused = session.process.pausedAt;
  if (paused === undefined) {
    throw new SandboxError('NOT_PAUSED', `Cannot look into frame ${frame}: the program is running`, {
      hint: 'Pause it with "sandmesh pause", or set a breakpoint.',
    });
  }
  const found = paused.callFrames[frame];
  if (found !== undefined) return found;
  throw new SandboxError('BAD_ARGUMENT', `Cannot look into frame ${frame}: there are ${paused.callFrames.length}`, {
    hint: 'Frames are counted from 0, the innermost.',
  });
}

/** What is the same while the program stands; 0: it runs. */
export function stopOf({ process }: VirtualSession): number {
  return process.pausedAt?.pause.id ?? 0;
}

/**
 * Calls one of the fixed functions on an object.
 *
 * @returns what it returns by value
 */
export async function callTool(
  session: VirtualSession,
  objectId: string,
  name: Exclude<keyof typeof TOOL_FUNCTIONS, 'child'>,
  ...args: readonly unknown[]
): Promise<unknown> {
  const { result, exceptionDetails } = await session.call('Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: TOOL_FUNCTIONS[name],
    arguments: [{ objectId: await session.process.tool(objectId) }, ...args.map((value) => ({ value }))],
  });
  if (exceptionDetails === undefined) return result.value;
  throw new SandboxError('EVALUATION_FAILED', `Cannot read the value: ${exceptionDetails.text}`);
}

/** Fetches a child: an object stays in the target, a primitive comes whole. */
export async function fetchChild(
  session: VirtualSession,
  objectId: string,
  ref: ChildReference,
): Promise<Protocol.Runtime.RemoteObject> {
  const { result } = await session.call('Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: TOOL_FUNCTIONS.child,
    arguments: [{ objectId: await session.process.tool(objectId) }, { value: ref }],
  });
  return result;
}
