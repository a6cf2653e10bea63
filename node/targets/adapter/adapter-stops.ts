/**
 * Where a program stands that a debug adapter debugs, and what moves it on. All its threads stop together, and the one that
 * stopped is shown.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { AdapterBreakpoints } from './adapter-breakpoints.ts';
import type { AdapterExceptions, ThrownValue } from './adapter-exceptions.ts';
import type { AdapterRequests, RequestLimits } from './adapter-requests.ts';
import type { AdapterSources } from './adapter-sources.ts';
import type { AdapterValues } from './adapter-values.ts';

const MAX_FRAMES = 200;
/** What scopes of an adapter are to the engine; whatever is costly is listed when somebody opens it. */
const GLOBAL_SCOPE = /^(?:global|static|register)/i;

/** V8's word for a program that stands at its start. */
const AT_ENTRY = 'Break on start' as Protocol.Debugger.PausedEvent['reason'];

type StoppedBody = DebugProtocol.StoppedEvent['body'];

export interface AdapterStopsParts {
  readonly requests: AdapterRequests;
  readonly sources: AdapterSources;
  readonly values: AdapterValues;
  readonly breakpoints: AdapterBreakpoints;
  readonly exceptions: AdapterExceptions;
  onPaused(event: Protocol.Debugger.PausedEvent): void;
  onResumed(): void;
  /** It stopped and could not say where: nobody was told, and it was moved on. */
  onUnreadable(error: SandboxError): void;
}

interface Standing {
  readonly threadId: number;
  /** The adapter's ids of its frames, innermost first. */
  readonly frames: readonly number[];
}

export class AdapterStops {
  readonly #parts: AdapterStopsParts;
  #standing: Standing | undefined;
  /** It is being moved on: the next stop is another one. */
  #isMoving = false;
  #stops = 0;
  /** Until it stands where it begins, if somebody wants it to. */
  #awaitsEntry = false;

  constructor(parts: AdapterStopsParts) {
    this.#parts = parts;
    const { events } = parts.requests;
    events.on('stopped', (body) => this.#onStopped(body as StoppedBody));
    events.on('continued', () => this.#resumed());
  }

  /** Stops once where a function begins. Before the program runs. */
  async stopAtEntry(name: string): Promise<void> {
    await this.#parts.requests.ask('setFunctionBreakpoints', { breakpoints: [{ name }] });
    this.#awaitsEntry = true;
  }

  async pause(): Promise<void> {
    await this.#parts.requests.ask('pause', { threadId: await this.#anyThread() });
  }

  /** @throws {SandboxError} NOT_PAUSED, and see {@link AdapterRequests.ask} */
  async move(command: 'continue' | 'next' | 'stepIn' | 'stepOut', limits: RequestLimits): Promise<void> {
    const standing = this.#standing;
    if (standing === undefined) throw new SandboxError('NOT_PAUSED', 'Cannot move the program on: it runs');
    this.#isMoving = true;
    try {
      await this.#parts.requests.ask(command, { threadId: standing.threadId }, limits);
    } catch (error) {
      if (this.#standing === standing) this.#isMoving = false;
      throw error;
    }
    // Its next stop may have overtaken the answer.
    if (this.#standing === standing) this.#resumed();
  }

  /** The adapter's id of a frame as it was shown. @throws {SandboxError} NOT_PAUSED */
  frameId(callFrameId: unknown): number {
    const frameId = this.#standing?.frames[Number(/^frame-(\d+)$/.exec(String(callFrameId))?.[1])];
    if (frameId !== undefined) return frameId;
    throw new SandboxError('NOT_PAUSED', 'Cannot look into this frame: the program has moved on');
  }

  /** The program is let go: it does not stand for us any more. */
  end(): void {
    this.#standing = undefined;
    this.#parts.values.clear();
  }

  async #anyThread(): Promise<number> {
    const { threads } = await this.#parts.requests.ask<DebugProtocol.ThreadsResponse['body']>('threads', undefined);
    return threads[0]?.id ?? 1;
  }

  #resumed(): void {
    if (this.#standing === undefined) return;
    this.#standing = undefined;
    this.#isMoving = false;
    this.#parts.values.clear();
    this.#parts.onResumed();
  }

  #onStopped(body: StoppedBody): void {
    // Another thread, which stops because this one did.
    if (this.#standing !== undefined && !this.#isMoving) return;
    this.#resumed();
    const stop = ++this.#stops;
    this.#lookAt(body, stop).catch((error: unknown) => {
      // Nobody could say where it stands, nor move it on: it must not stand.
      if (this.#stops === stop && this.#standing === undefined && body.threadId !== undefined) {
        this.#parts.requests.ask('continue', { threadId: body.threadId }).catch(() => undefined);
      }
      this.#parts.onUnreadable(SandboxError.from(error));
    });
  }

  async #lookAt(body: StoppedBody, stop: number): Promise<void> {
    const { requests, values, exceptions } = this.#parts;
    const threadId = body.threadId ?? (await this.#anyThread());
    const { stackFrames } = await requests.ask<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId,
      startFrame: 0,
      levels: MAX_FRAMES,
    });
    const frames = stackFrames.filter(({ presentationHint }) => presentationHint !== 'label');
    const [top] = frames;
    const scopes = top === undefined ? [] : await values.scopesOf(top.id);
    const thrown = body.reason === 'exception' ? await exceptions.thrown(threadId, body) : undefined;
    if (stop !== this.#stops) return;
    const event = this.#describe(body, frames, { scopes, thrown });
    this.#standing = { threadId, frames: frames.map(({ id }) => id) };
    this.#isMoving = false;
    this.#parts.onPaused(event);
  }

  /** @param found scopes of the innermost frame, and what was thrown if the stop is an exception's */
  #describe(
    body: StoppedBody,
    frames: readonly DebugProtocol.StackFrame[],
    { scopes, thrown }: { scopes: readonly DebugProtocol.Scope[]; thrown: ThrownValue | undefined },
  ): Protocol.Debugger.PausedEvent {
    const { sources, breakpoints } = this.#parts;
    const callFrames = frames.map((frame, index) => this.#callFrame(frame, index, scopes));
    const place = { path: sources.pathOf(callFrames[0]?.location.scriptId ?? ''), line: frames[0]?.line ?? 0 };
    const isStep = body.reason === 'step' || body.reason === 'entry';
    const hitBreakpoints =
      thrown !== undefined || (isStep && body.hitBreakpointIds === undefined)
        ? []
        : breakpoints.hitBy(body.hitBreakpointIds, place);
    const isEntry = body.reason === 'entry' || (hitBreakpoints.length === 0 && this.#leaveEntry(body.reason));
    return {
      callFrames,
      reason: thrown !== undefined ? 'exception' : isEntry ? AT_ENTRY : isStep ? 'step' : 'other',
      hitBreakpoints,
      ...(thrown === undefined ? {} : { data: this.#shownThrown(thrown) }),
    };
  }

  /** @returns whether a stop at a breakpoint of nobody's is the one at its entry */
  #leaveEntry(reason: string): boolean {
    if (!this.#awaitsEntry || !reason.includes('breakpoint')) return false;
    this.#awaitsEntry = false;
    // Unless the program ended meanwhile, and then nothing is left to take out.
    this.#parts.requests.ask('setFunctionBreakpoints', { breakpoints: [] }).catch(() => undefined);
    return true;
  }

  #callFrame(
    frame: DebugProtocol.StackFrame,
    index: number,
    scopes: readonly DebugProtocol.Scope[],
  ): Protocol.Debugger.CallFrame {
    const { sources, values } = this.#parts;
    const location = {
      scriptId: sources.of(frame.source ?? {}),
      lineNumber: Math.max(0, frame.line - 1),
      columnNumber: Math.max(0, frame.column - 1),
    };
    return {
      callFrameId: `frame-${index}`,
      functionName: frame.name,
      location,
      url: '',
      // Those of the innermost frame, which an adapter lists alike for all: what is in them is asked for when opened.
      scopeChain: scopes.map(({ name, expensive }, number) => ({
        type: expensive || GLOBAL_SCOPE.test(name) ? 'global' : 'local',
        name,
        object: { type: 'object', objectId: values.addScope(frame.id, number) },
      })),
      this: { type: 'undefined' },
    };
  }

  #shownThrown({ type, description, uncaught }: ThrownValue): object {
    const { objectId } = this.#parts.values.remote({ name: '', value: description, type, variablesReference: 0 });
    return { type: 'object', subtype: 'error', className: type, description, uncaught, objectId };
  }
}
