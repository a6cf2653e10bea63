/**
 * Stops that are over before anybody is asked. A breakpoint that only leaves a snapshot is to hold the program no longer
 * than reading takes: the daemon says beforehand what to read there, and whoever holds V8's session sends that and the
 * resume in one go. That is the harness, inside the program, or else the daemon's end of the connection. It is loaded
 * into other people's programs, so it pulls in nothing.
 */

import type { Protocol } from 'devtools-protocol';

/** A method and an event of our own, beside those of V8. */
export const PREPARE_LOOKS = 'Sandmesh.prepareLooks';
export const LOOKED = 'Sandmesh.looked';

/** The innermost frames of the program's own; a whole stack would spend the budget on callers nobody opens. */
const READ_FRAMES = 8;
/** A limit of nodes leaves no room for what the scopes hold otherwise. */
const READ_SCOPES = 75;
/** The global scope is large and the same everywhere. */
const LEFT_OUT = 'global';

type CallFrame = Protocol.Debugger.CallFrame;

/** A scope by its frame and its number in the frame's chain. */
export type ScopePlace = readonly [frame: number, scope: number];

/** The call that reads scopes: on an object, with limits of its own before the scopes. */
export interface LookCall {
  readonly objectId: string;
  readonly functionDeclaration: string;
  readonly limits: object;
}

/** What holds from now on, in place of what was prepared before. */
export interface PreparedLooks {
  /** V8's ids. Each is good for one stop that is its alone: whoever prepares it anew sets the pace. */
  readonly breakpoints: readonly string[];
  /** Absent: the frames are all that is wanted. */
  readonly call?: LookCall;
}

/** A stop that is over. */
export interface Looked {
  readonly event: Protocol.Debugger.PausedEvent;
  /** What was read, in order. */
  readonly places: readonly ScopePlace[];
  /** What the call returned by value. */
  readonly answer?: unknown;
  /** Why there is none though one was wanted. */
  readonly problem?: string;
}

/** @param isSkipped whether a frame is in nobody's code */
export function scopesToRead(callFrames: readonly CallFrame[], isSkipped: (frame: CallFrame) => boolean): ScopePlace[] {
  const own = [...callFrames.entries()].filter(([, frame]) => !isSkipped(frame)).slice(0, READ_FRAMES);
  const places = own.flatMap(([frame, { scopeChain }]) =>
    [...scopeChain.entries()].flatMap(([scope, { type, object }]): ScopePlace[] =>
      type === LEFT_OUT || object.objectId === undefined ? [] : [[frame, scope]],
    ),
  );
  return places.slice(0, READ_SCOPES);
}

export function readingOf(
  { objectId, functionDeclaration, limits }: LookCall,
  callFrames: readonly CallFrame[],
  places: readonly ScopePlace[],
): Protocol.Runtime.CallFunctionOnRequest {
  const scopes = places.map(([frame, scope]) => ({
    objectId: callFrames[frame]?.scopeChain[scope]?.object.objectId as string,
  }));
  const args = [{ value: limits }, ...scopes];
  return { objectId, functionDeclaration, arguments: args, returnByValue: true, silent: true };
}

export interface LookTakerParts {
  /** Sends now, in order. The answer is undefined where it failed. */
  post(method: string, params: object | undefined, answered: (result: object | undefined, why: string) => void): void;
  looked(looked: Looked): void;
}

export class LookTaker {
  readonly #parts: LookTakerParts;
  readonly #internal = new Set<string>();
  readonly #breakpoints = new Set<string>();
  #call: LookCall | undefined;
  /** Stops that are answered and not told to be over. */
  #passing = 0;

  constructor(parts: LookTakerParts) {
    this.#parts = parts;
  }

  prepare({ breakpoints, call }: PreparedLooks): void {
    this.#breakpoints.clear();
    for (const id of breakpoints) this.#breakpoints.add(id);
    this.#call = call;
  }

  /** To be shown every event. @returns whether it was dealt with here: it concerns nobody else */
  take(method: string, params: unknown): boolean {
    switch (method) {
      case 'Debugger.scriptParsed': {
        const { url, scriptId } = params as Protocol.Debugger.ScriptParsedEvent;
        if (url.startsWith('node:')) this.#internal.add(scriptId);
        return false;
      }
      case 'Debugger.paused':
        return this.#answer(params as Protocol.Debugger.PausedEvent);
      case 'Debugger.resumed':
        if (this.#passing === 0) return false;
        this.#passing -= 1;
        return true;
      default:
        return false;
    }
  }

  #answer(event: Protocol.Debugger.PausedEvent): boolean {
    const [id, ...others] = event.hitBreakpoints ?? [];
    // With anything else about it, it is for whoever knows what members want.
    if (id === undefined || others.length > 0 || event.reason !== 'other') return false;
    if (!this.#breakpoints.delete(id)) return false;
    this.#passing += 1;
    const { callFrames } = event;
    const call = this.#call;
    const places =
      call === undefined ? [] : scopesToRead(callFrames, ({ location }) => this.#internal.has(location.scriptId));
    if (call === undefined) this.#parts.looked({ event, places });
    else {
      this.#parts.post('Runtime.callFunctionOn', readingOf(call, callFrames, places), (result, why) =>
        this.#parts.looked({ event, places, ...answerOf(result as Protocol.Runtime.CallFunctionOnResponse, why) }),
      );
    }
    this.#parts.post('Debugger.resume', undefined, () => undefined);
    return true;
  }
}

function answerOf(
  response: Protocol.Runtime.CallFunctionOnResponse | undefined,
  why: string,
): Pick<Looked, 'answer' | 'problem'> {
  if (response === undefined) return { problem: why };
  const { result, exceptionDetails } = response;
  return exceptionDetails === undefined ? { answer: result.value } : { problem: exceptionDetails.text };
}
