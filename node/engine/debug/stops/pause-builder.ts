/** Makes the pause that everybody sees out of V8's own: frames mapped to source files, scopes named. */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { ScriptRegistry } from '../../source/script-registry-interface.ts';
import type { Timers } from '../timers.ts';
import type { CallFrames } from './glance.ts';
import type { StopOwners } from './stop-owners.ts';
import { thrownText } from './stop-reasons.ts';

/** Frames in the register; the whole stack is read by `inspect.stack`. */
const MAX_SHARED_FRAMES = 60;

/** A published pause with what V8 needs to look into it. */
export interface PausedAt {
  readonly pause: Pause;
  readonly callFrames: readonly Protocol.Debugger.CallFrame[];
  /** As V8 told it. */
  readonly event: Protocol.Debugger.PausedEvent;
  /** How often somebody ran code there or set a variable; see live-scopes.ts. */
  changes?: number;
}

export interface PauseBuilderOptions {
  readonly target: TargetId;
  readonly timers: Timers;
  readonly registry: ScriptRegistry;
  nextPauseId(): number;
}

export class PauseBuilder {
  readonly #options: PauseBuilderOptions;

  constructor(options: PauseBuilderOptions) {
    this.#options = options;
  }

  /** @param reason why it stands there */
  ofStop(
    event: Protocol.Debugger.PausedEvent,
    reason: Pause['reason'],
    { stopping, heldBy }: Pick<StopOwners, 'stopping' | 'heldBy'>,
  ): Promise<Pause> {
    const detail = reason === 'exception' ? thrownText(event) : undefined;
    return this.#build(event.callFrames, { reason, hitBreakpoints: stopping, heldBy, detail });
  }

  /** What a look found, as a pause that nobody was shown. */
  ofLook(callFrames: CallFrames, hitBreakpoints: readonly BreakpointId[] = []): Promise<Pause> {
    const reason = hitBreakpoints.length === 0 ? 'pause-command' : 'breakpoint';
    return this.#build(callFrames, {
      reason,
      hitBreakpoints: [...hitBreakpoints],
      heldBy: undefined,
      detail: undefined,
    });
  }

  async #build(callFrames: CallFrames, { detail, heldBy, ...facts }: StopFacts): Promise<Pause> {
    const { target, timers, registry, nextPauseId } = this.#options;
    const numbered = { id: nextPauseId(), target, ...facts, at: timers.now() };
    const frames = await buildFrames(registry, callFrames.slice(0, MAX_SHARED_FRAMES));
    return {
      ...numbered,
      thread: 'main',
      ...(detail === undefined ? {} : { detail: detail.slice(0, 500) }),
      ...(heldBy === undefined ? {} : { heldBy }),
      frames,
      totalFrames: callFrames.length,
    };
  }
}

interface StopFacts {
  readonly reason: Pause['reason'];
  readonly hitBreakpoints: BreakpointId[];
  readonly heldBy: MemberId | undefined;
  readonly detail: string | undefined;
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
