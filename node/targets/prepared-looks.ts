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
  /** The same in other contexts: V8 lets no call mix values of several. */
  readonly others?: readonly string[];
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

/** What V8's ids of values in one context begin with, `isolate.context.`; those of a debug adapter are all alike. */
function contextOf(objectId: string): string {
  return objectId.slice(0, objectId.lastIndexOf('.') + 1);
}

function idAt(callFrames: readonly CallFrame[], [frame, scope]: ScopePlace): string {
  return callFrames[frame]?.scopeChain[scope]?.object.objectId ?? '';
}

/**
 * Scopes that one call can read: those in the innermost one's context.
 *
 * @param isSkipped whether a frame is in nobody's code
 */
export function scopesToRead(callFrames: readonly CallFrame[], isSkipped: (frame: CallFrame) => boolean): ScopePlace[] {
  const own = [...callFrames.entries()].filter(([, frame]) => !isSkipped(frame)).slice(0, READ_FRAMES);
  const places = own.flatMap(([frame, { scopeChain }]) =>
    [...scopeChain.entries()].flatMap(([scope, { type, object }]): ScopePlace[] =>
      type === LEFT_OUT || object.objectId === undefined ? [] : [[frame, scope]],
    ),
  );
  const [first] = places;
  if (first === undefined) return [];
  const context = contextOf(idAt(callFrames, first));
  return places.filter((place) => contextOf(idAt(callFrames, place)) === context).slice(0, READ_SCOPES);
}

/** @returns whether one of the call's objects lies in the context of what is to be read */
function reaches(call: LookCall, callFrames: readonly CallFrame[], [first]: readonly ScopePlace[]): boolean {
  if (first === undefined) return true;
  const context = contextOf(idAt(callFrames, first));
  return [call.objectId, ...(call.others ?? [])].some((id) => contextOf(id) === context);
}

export function readingOf(
  { objectId: own, others = [], functionDeclaration, limits }: LookCall,
  callFrames: readonly CallFrame[],
  places: readonly ScopePlace[],
): Protocol.Runtime.CallFunctionOnRequest {
  const scopes = places.map((place) => ({ objectId: idAt(callFrames, place) }));
  const context = contextOf(scopes[0]?.objectId ?? own);
  const objectId = [own, ...others].find((id) => contextOf(id) === context) ?? own;
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
    if (!this.#breakpoints.has(id)) return false;
    const { callFrames } = event;
    const call = this.#call;
    const places =
      call === undefined ? [] : scopesToRead(callFrames, ({ location }) => this.#internal.has(location.scriptId));
    // In a context made since: whoever prepares it can read there, too.
    if (call !== undefined && !reaches(call, callFrames, places)) return false;
    this.#breakpoints.delete(id);
    this.#passing += 1;
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
