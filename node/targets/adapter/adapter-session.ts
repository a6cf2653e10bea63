/**
 * The debugger's session of a program that a debug adapter debugs: what the engine asks for in the Chrome DevTools Protocol,
 * asked of the adapter in its own. All threads stop together, and the one that stopped is shown. What the adapter cannot do
 * is refused in words that say so.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Protocol } from 'devtools-protocol';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CaptureLimits } from '../../engine/debug/inspection-tool/answers.ts';
import { CAPTURE_FUNCTION, TOOL_FUNCTIONS } from '../../engine/debug/inspection-tool/functions.ts';
import { TOOL_SOURCE } from '../../engine/debug/inspection-tool/source.ts';
import type {
  CdpEvent,
  CdpEventParams,
  CdpMethod,
  CdpParams,
  CdpResult,
  CdpSession,
  PlaceVerdict,
} from '../attached-process.ts';
import { AdapterBreakpoints } from './adapter-breakpoints.ts';
import { AdapterExceptions, type ThrownValue } from './adapter-exceptions.ts';
import type { AdapterRequests, RequestLimits } from './adapter-requests.ts';
import { AdapterSources } from './adapter-sources.ts';
import { AdapterValues, TOOL_ID } from './adapter-values.ts';
import { OutputLines } from './output-lines.ts';

const MAX_FRAMES = 200;
/** What scopes of an adapter are to the engine; whatever is costly is listed when somebody opens it. */
const GLOBAL_SCOPE = /^(?:global|static|register)/i;

/** V8's word for a program that stands at its start. */
const AT_ENTRY = 'Break on start' as Protocol.Debugger.PausedEvent['reason'];

type Call = (params: Record<string, unknown>, limits: RequestLimits) => Promise<unknown>;

export interface AdapterSessionOptions {
  readonly name: string;
  readonly requests: AdapterRequests;
  readonly capabilities: DebugProtocol.Capabilities;
  /** The file it begins in. */
  readonly entry: string | undefined;
}

interface Standing {
  readonly threadId: number;
  /** The adapter's ids of its frames, innermost first. */
  readonly frames: readonly number[];
}

export class AdapterSession implements CdpSession {
  readonly sources: AdapterSources;
  readonly #options: AdapterSessionOptions;
  readonly #requests: AdapterRequests;
  readonly #events = new Emitter<Record<string, unknown>>();
  readonly #breakpoints: AdapterBreakpoints;
  readonly #values: AdapterValues;
  readonly #exceptions: AdapterExceptions;
  readonly #output = new OutputLines((category, line) => {
    this.#say(category === 'stderr' ? 'error' : category === 'stdout' ? 'log' : 'info', line);
  });
  #standing: Standing | undefined;
  /** It is being moved on: the next stop is another one. */
  #isMoving = false;
  #stops = 0;
  /** Until it stands where it begins, if somebody wants it to. */
  #awaitsEntry = false;

  constructor(options: AdapterSessionOptions) {
    this.#options = options;
    this.#requests = options.requests;
    this.#breakpoints = new AdapterBreakpoints(options.requests);
    this.#values = new AdapterValues(options.requests);
    this.#exceptions = new AdapterExceptions(options.requests, options.capabilities);
    this.sources = new AdapterSources(options.requests, (event) => this.#emit('Debugger.scriptParsed', event));
    const { events } = options.requests;
    events.on('stopped', (body) => this.#onStopped(body as DebugProtocol.StoppedEvent['body']));
    events.on('continued', () => this.#resumed());
    events.on('output', (body) => this.#onOutput(body as DebugProtocol.OutputEvent['body']));
  }

  async send<M extends CdpMethod>(method: M, params?: CdpParams<M>, limits: RequestLimits = {}): Promise<CdpResult<M>> {
    const call = Object.hasOwn(this.#calls, method) ? this.#calls[method] : undefined;
    if (call === undefined) throw this.#cannot(`answer "${method}"`);
    return (await call((params ?? {}) as Record<string, unknown>, limits)) as CdpResult<M>;
  }

  on<E extends CdpEvent>(event: E, listener: (params: CdpEventParams<E>) => void): () => void {
    return this.#events.on(event, listener as (params: unknown) => void);
  }

  /** What became of a breakpoint at a line, counted from 0. */
  verdict(scriptId: string, lineNumber: number): PlaceVerdict | undefined {
    const path = this.sources.pathOf(scriptId);
    return path === undefined ? undefined : this.#breakpoints.verdict(path, lineNumber + 1);
  }

  /** Whether it stops at such exceptions. */
  stopsAt(filter: string): boolean {
    return this.#exceptions.stopsAt(filter);
  }

  /** Stops once where a function begins. Before the program runs. */
  async stopAtEntry(name: string): Promise<void> {
    await this.#requests.ask('setFunctionBreakpoints', { breakpoints: [{ name }] });
    this.#awaitsEntry = true;
  }

  /** The program is let go: it does not stand for us any more. */
  end(): void {
    this.#output.flush();
    this.#standing = undefined;
    this.#values.clear();
  }

  readonly #calls: Readonly<Record<string, Call>> = {
    'Runtime.enable': async () => ({}),
    'Debugger.enable': async () => {
      const { entry } = this.#options;
      if (entry !== undefined) this.sources.file(entry);
      return { debuggerId: this.#options.name };
    },
    'Debugger.setBreakpoint': (params) =>
      this.#setBreakpoint(params as unknown as Protocol.Debugger.SetBreakpointRequest),
    // Probes, by which scripts are stopped as they load: an adapter keeps what is set in a file that is yet to load.
    'Debugger.setBreakpointByUrl': async () => ({ breakpointId: 'none', locations: [] }),
    'Debugger.removeBreakpoint': async ({ breakpointId }) => {
      await this.#breakpoints.remove(String(breakpointId));
      return {};
    },
    'Debugger.getPossibleBreakpoints': async (params) =>
      this.#possible(params as unknown as Protocol.Debugger.GetPossibleBreakpointsRequest),
    'Debugger.getScriptSource': async ({ scriptId }) => ({ scriptSource: await this.sources.text(String(scriptId)) }),
    'Debugger.setPauseOnExceptions': async ({ state }) => {
      if (!(await this.#exceptions.set(String(state)))) throw this.#cannot(`stop at ${state} exceptions`);
      return {};
    },
    'Debugger.pause': () => this.#pause(),
    'Debugger.resume': (_params, limits) => this.#move('continue', limits),
    'Debugger.stepOver': (_params, limits) => this.#move('next', limits),
    'Debugger.stepInto': (_params, limits) => this.#move('stepIn', limits),
    'Debugger.stepOut': (_params, limits) => this.#move('stepOut', limits),
    'Debugger.evaluateOnCallFrame': (params, limits) => this.#evaluate(params, limits),
    'Debugger.setVariableValue': (params, limits) => this.#setVariable(params, limits),
    'Runtime.evaluate': async ({ expression }) => {
      if (expression === TOOL_SOURCE) return { result: { type: 'object', objectId: TOOL_ID } };
      throw new SandboxError('NOT_PAUSED', `Cannot evaluate: ${this.#options.name} does so in a frame only`, {
        hint: 'Pause the program, or set a breakpoint.',
      });
    },
    'Runtime.callFunctionOn': (params) =>
      this.#callFunction(params as unknown as Protocol.Runtime.CallFunctionOnRequest),
    'Runtime.releaseObjectGroup': async () => ({}),
  };

  async #setBreakpoint({ location, condition }: Protocol.Debugger.SetBreakpointRequest): Promise<unknown> {
    const path = this.sources.pathOf(location.scriptId);
    if (path === undefined) throw this.#cannot('stop in code that is in no file');
    const line = location.lineNumber + 1;
    const set = await this.#breakpoints.add({ path, line, condition });
    return { breakpointId: set.id, actualLocation: { ...location, lineNumber: set.line - 1 } };
  }

  #possible({ start, end, restrictToFunction }: Protocol.Debugger.GetPossibleBreakpointsRequest): object {
    const { scriptId, lineNumber } = start;
    // Where functions begin and end is the language's business.
    if (restrictToFunction === true) return { locations: [] };
    const lines = this.sources.codeLines(scriptId, lineNumber, end?.lineNumber ?? lineNumber + 1);
    return { locations: lines.map((line) => ({ scriptId, lineNumber: line, columnNumber: 0 })) };
  }

  async #pause(): Promise<object> {
    await this.#requests.ask('pause', { threadId: await this.#anyThread() });
    return {};
  }

  async #anyThread(): Promise<number> {
    const { threads } = await this.#requests.ask<DebugProtocol.ThreadsResponse['body']>('threads', undefined);
    return threads[0]?.id ?? 1;
  }

  async #move(command: 'continue' | 'next' | 'stepIn' | 'stepOut', limits: RequestLimits): Promise<object> {
    const standing = this.#standing;
    if (standing === undefined) throw new SandboxError('NOT_PAUSED', 'Cannot move the program on: it runs');
    this.#isMoving = true;
    try {
      await this.#requests.ask(command, { threadId: standing.threadId }, limits);
    } catch (error) {
      if (this.#standing === standing) this.#isMoving = false;
      throw error;
    }
    // Its next stop may have overtaken the answer.
    if (this.#standing === standing) this.#resumed();
    return {};
  }

  #resumed(): void {
    if (this.#standing === undefined) return;
    this.#standing = undefined;
    this.#isMoving = false;
    this.#values.clear();
    this.#emit('Debugger.resumed', {});
  }

  #onStopped(body: DebugProtocol.StoppedEvent['body']): void {
    // Another thread, which stops because this one did.
    if (this.#standing !== undefined && !this.#isMoving) return;
    this.#resumed();
    const stop = ++this.#stops;
    this.#lookAt(body, stop).catch((error: unknown) => {
      // Nobody could say where it stands, nor move it on: it must not stand.
      if (this.#stops === stop && this.#standing === undefined && body.threadId !== undefined) {
        this.#requests.ask('continue', { threadId: body.threadId }).catch(() => undefined);
      }
      this.#say('error', `${this.#options.name}: ${SandboxError.from(error).message}`);
    });
  }

  async #lookAt(body: DebugProtocol.StoppedEvent['body'], stop: number): Promise<void> {
    const threadId = body.threadId ?? (await this.#anyThread());
    const { stackFrames } = await this.#requests.ask<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId,
      startFrame: 0,
      levels: MAX_FRAMES,
    });
    const frames = stackFrames.filter(({ presentationHint }) => presentationHint !== 'label');
    const [top] = frames;
    const scopes = top === undefined ? [] : await this.#values.scopesOf(top.id);
    const thrown = body.reason === 'exception' ? await this.#exceptions.thrown(threadId, body) : undefined;
    if (stop !== this.#stops) return;
    const callFrames = frames.map((frame, index) => this.#callFrame(frame, index, scopes));
    const place = { path: this.sources.pathOf(callFrames[0]?.location.scriptId ?? ''), line: top?.line ?? 0 };
    const isStep = body.reason === 'step' || body.reason === 'entry';
    const hitBreakpoints =
      thrown !== undefined || (isStep && body.hitBreakpointIds === undefined)
        ? []
        : this.#breakpoints.hitBy(body.hitBreakpointIds, place);
    const isEntry = body.reason === 'entry' || (hitBreakpoints.length === 0 && this.#leaveEntry(body.reason));
    this.#standing = { threadId, frames: frames.map(({ id }) => id) };
    this.#isMoving = false;
    this.#emit('Debugger.paused', {
      callFrames,
      reason: thrown !== undefined ? 'exception' : isEntry ? AT_ENTRY : isStep ? 'step' : 'other',
      hitBreakpoints,
      ...(thrown === undefined ? {} : { data: this.#shownThrown(thrown) }),
    } satisfies Protocol.Debugger.PausedEvent);
  }

  /** @returns whether a stop at a breakpoint of nobody's is the one at its entry */
  #leaveEntry(reason: string): boolean {
    if (!this.#awaitsEntry || !reason.includes('breakpoint')) return false;
    this.#awaitsEntry = false;
    // Unless the program ended meanwhile, and then nothing is left to take out.
    this.#requests.ask('setFunctionBreakpoints', { breakpoints: [] }).catch(() => undefined);
    return true;
  }

  #callFrame(
    frame: DebugProtocol.StackFrame,
    index: number,
    scopes: readonly DebugProtocol.Scope[],
  ): Protocol.Debugger.CallFrame {
    const scriptId = this.sources.of(frame.source ?? {});
    const location = {
      scriptId,
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
        object: { type: 'object', objectId: this.#values.addScope(frame.id, number) },
      })),
      this: { type: 'undefined' },
    };
  }

  #shownThrown({ type, description, uncaught }: ThrownValue): object {
    const { objectId } = this.#values.remote({ name: '', value: description, type, variablesReference: 0 });
    return { type: 'object', subtype: 'error', className: type, description, uncaught, objectId };
  }

  async #evaluate(params: Record<string, unknown>, { timeoutMs, signal }: RequestLimits): Promise<object> {
    const { callFrameId, expression, throwOnSideEffect, timeout } = params;
    if (throwOnSideEffect === true) throw this.#cannot('evaluate without side effects');
    const frameId = this.#frameId(callFrameId);
    const limits = { timeoutMs: typeof timeout === 'number' ? timeout : timeoutMs, signal };
    const args = { expression: String(expression), frameId, context: 'repl' };
    const body = await this.#requests.ask<DebugProtocol.EvaluateResponse['body']>('evaluate', args, limits);
    this.#values.refresh();
    const { result, type, variablesReference, indexedVariables } = body;
    const shown = { name: String(expression), value: result, variablesReference };
    return {
      result: this.#values.remote({
        ...shown,
        ...(type === undefined ? {} : { type }),
        ...(indexedVariables === undefined ? {} : { indexedVariables }),
      }),
    };
  }

  async #setVariable(params: Record<string, unknown>, limits: RequestLimits): Promise<object> {
    const { callFrameId, scopeNumber, variableName, newValue } = params;
    if (this.#options.capabilities.supportsSetVariable !== true) throw this.#cannot('set variables');
    const scope = this.#values.addScope(this.#frameId(callFrameId), Number(scopeNumber));
    const value = String((newValue as Protocol.Runtime.CallArgument).value);
    await this.#values.under(scope, (variablesReference) =>
      this.#requests.ask('setVariable', { variablesReference, name: variableName, value }, limits),
    );
    this.#values.refresh();
    return {};
  }

  #frameId(callFrameId: unknown): number {
    const frameId = this.#standing?.frames[Number(/^frame-(\d+)$/.exec(String(callFrameId))?.[1])];
    if (frameId !== undefined) return frameId;
    throw new SandboxError('NOT_PAUSED', 'Cannot look into this frame: the program has moved on');
  }

  async #callFunction({
    objectId = '',
    functionDeclaration,
    arguments: args = [],
  }: Protocol.Runtime.CallFunctionOnRequest) {
    if (functionDeclaration === CAPTURE_FUNCTION) {
      const [limits, ...scopes] = args;
      const ids = scopes.map((scope) => scope.objectId ?? '');
      return { result: { type: 'string', value: await this.#values.capture(limits?.value as CaptureLimits, ids) } };
    }
    const [tool] = Object.entries(TOOL_FUNCTIONS).find(([, text]) => text === functionDeclaration) ?? [];
    if (tool === undefined) throw this.#cannot('run JavaScript');
    const values = args.slice(1).map(({ value }) => value as unknown);
    if (tool === 'child') return { result: await this.#values.child(objectId, values[0] as never) };
    const value = await this.#values.call(tool as keyof typeof TOOL_FUNCTIONS, objectId, values);
    return { result: { type: typeof value, value } };
  }

  #onOutput({ category = 'console', output }: DebugProtocol.OutputEvent['body']): void {
    if (category !== 'telemetry') this.#output.add(category, output);
  }

  #say(type: 'log' | 'error' | 'info', line: string): void {
    this.#emit('Runtime.consoleAPICalled', {
      type,
      // Its own percent signs are no directives.
      args: [
        { type: 'string', value: '%s' },
        { type: 'string', value: line },
      ],
      executionContextId: 1,
      timestamp: Date.now(),
    } satisfies Protocol.Runtime.ConsoleAPICalledEvent);
  }

  #emit(event: CdpEvent, params: object): void {
    this.#events.emit(event, params);
  }

  #cannot(what: string): SandboxError {
    return new SandboxError('EVALUATION_FAILED', `${this.#options.name} cannot ${what}`);
  }
}
