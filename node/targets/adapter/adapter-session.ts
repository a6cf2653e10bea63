/**
 * The debugger's session of a program that a debug adapter debugs: what the engine asks for in the Chrome DevTools Protocol,
 * asked of the adapter in its own. What the adapter cannot do is refused in words that say so.
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
import { AdapterExceptions } from './adapter-exceptions.ts';
import type { AdapterRequests, RequestLimits } from './adapter-requests.ts';
import { AdapterSources } from './adapter-sources.ts';
import { AdapterStops } from './adapter-stops.ts';
import { AdapterValues, TOOL_ID } from './adapter-values.ts';
import { OutputLines } from './output-lines.ts';

type Call = (params: Record<string, unknown>, limits: RequestLimits) => Promise<unknown>;

export interface AdapterSessionOptions {
  readonly name: string;
  readonly requests: AdapterRequests;
  readonly capabilities: DebugProtocol.Capabilities;
  /** The file it begins in. */
  readonly entry: string | undefined;
  /** See {@link AdapterLaunch.crash}. */
  readonly crash?: RegExp | undefined;
}

export class AdapterSession implements CdpSession {
  readonly sources: AdapterSources;
  readonly #options: AdapterSessionOptions;
  readonly #requests: AdapterRequests;
  readonly #events = new Emitter<Record<string, unknown>>();
  readonly #breakpoints: AdapterBreakpoints;
  readonly #values: AdapterValues;
  readonly #exceptions: AdapterExceptions;
  readonly #stops: AdapterStops;
  readonly #output = new OutputLines((category, line) => {
    this.#say(category === 'stderr' ? 'error' : category === 'stdout' ? 'log' : 'info', line);
  });

  constructor(options: AdapterSessionOptions) {
    this.#options = options;
    this.#requests = options.requests;
    this.#breakpoints = new AdapterBreakpoints(options.requests);
    this.#values = new AdapterValues(options.requests);
    this.#exceptions = new AdapterExceptions(options.requests, options.capabilities, options.crash);
    this.sources = new AdapterSources(options.requests, (event) => this.#emit('Debugger.scriptParsed', event));
    this.#stops = new AdapterStops({
      requests: options.requests,
      sources: this.sources,
      values: this.#values,
      breakpoints: this.#breakpoints,
      exceptions: this.#exceptions,
      onPaused: (event) => this.#emit('Debugger.paused', event),
      onResumed: () => this.#emit('Debugger.resumed', {}),
      onUnreadable: (error) => this.#say('error', `${options.name}: ${error.message}`),
    });
    const onOutput = (body: unknown): void => this.#onOutput(body as DebugProtocol.OutputEvent['body']);
    options.requests.events.on('output', onOutput);
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

  /** See {@link AdapterStops.stopAtEntry}. */
  stopAtEntry(name: string): Promise<void> {
    return this.#stops.stopAtEntry(name);
  }

  /** The program is let go: it does not stand for us any more. */
  end(): void {
    this.#output.flush();
    this.#stops.end();
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
    'Debugger.pause': async () => {
      await this.#stops.pause();
      return {};
    },
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

  async #move(command: Parameters<AdapterStops['move']>[0], limits: RequestLimits): Promise<object> {
    await this.#stops.move(command, limits);
    return {};
  }

  async #evaluate(params: Record<string, unknown>, { timeoutMs, signal }: RequestLimits): Promise<object> {
    const { callFrameId, expression, throwOnSideEffect, timeout } = params;
    if (throwOnSideEffect === true) throw this.#cannot('evaluate without side effects');
    const frameId = this.#stops.frameId(callFrameId);
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
    const scope = this.#values.addScope(this.#stops.frameId(callFrameId), Number(scopeNumber));
    const value = String((newValue as Protocol.Runtime.CallArgument).value);
    await this.#values.under(scope, (variablesReference) =>
      this.#requests.ask('setVariable', { variablesReference, name: variableName, value }, limits),
    );
    this.#values.refresh();
    return {};
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
