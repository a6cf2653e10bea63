/** Makes the pause that everybody sees out of V8's own: frames mapped to source files, scopes named. */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { ScriptRegistry } from '../source/script-registry-interface.ts';

/** Frames in the register; the whole stack is read by `inspect.stack`. */
export const MAX_SHARED_FRAMES = 60;

/** A published pause with what V8 needs to look into it. */
export interface PausedAt {
  readonly pause: Pause;
  readonly callFrames: readonly Protocol.Debugger.CallFrame[];
  /** As V8 told it. */
  readonly event: Protocol.Debugger.PausedEvent;
  /** How often somebody ran code there or set a variable; see live-scopes.ts. */
  changes?: number;
}

export interface PauseFacts {
  readonly id: number;
  readonly target: TargetId;
  readonly reason: Pause['reason'];
  readonly detail: string | undefined;
  readonly hitBreakpoints: BreakpointId[];
  /** See the pause's. */
  readonly heldBy?: MemberId | undefined;
  readonly at: number;
}

export async function buildPause(
  registry: ScriptRegistry,
  callFrames: readonly Protocol.Debugger.CallFrame[],
  { detail, heldBy, ...facts }: PauseFacts,
): Promise<Pause> {
  const frames = await buildFrames(registry, callFrames.slice(0, MAX_SHARED_FRAMES));
  return {
    ...facts,
    thread: 'main',
    ...(detail === undefined ? {} : { detail: detail.slice(0, 500) }),
    ...(heldBy === undefined ? {} : { heldBy }),
    frames,
    totalFrames: callFrames.length,
  };
}

/** Costs no round trip to the target: V8 sends frames and scopes with the stop. */
export function buildFrames(
  registry: ScriptRegistry,
  callFrames: readonly Protocol.Debugger.CallFrame[],
): Promise<Frame[]> {
  return Promise.all(
    callFrames.map(async ({ functionName, location, scopeChain }, index): Promise<Frame> => {
      const { scriptId, lineNumber, columnNumber = 0 } = location;
      const { file, line, column, source, internal } = await registry.locate({ scriptId, lineNumber, columnNumber });
      return {
        index,
        functionName: functionName === '' ? '(anonymous)' : functionName.slice(0, 300),
        ...(file === undefined ? {} : { file }),
        line,
        column,
        ...(source === undefined ? {} : { source }),
        ...(internal ? { internal } : {}),
        scopes: scopeChain.slice(0, 50).map(({ type, name }) => ({
          type,
          ...(name === undefined ? {} : { name: name.slice(0, 200) }),
        })),
      };
    }),
  );
}
