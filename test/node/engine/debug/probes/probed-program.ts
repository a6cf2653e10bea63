/**
 * A program with probes whose time passes when a test says so: the runtime that lies in programs runs in a context of
 * `vm`, and the daemon's end reaches it over a session that is played.
 */

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import type { Protocol } from 'devtools-protocol';
import type { DesiredBreakpoint } from '#node/engine/debug/breakpoints/breakpoint-records.ts';
import { TOOL_SOURCE } from '#node/engine/debug/inspection-tool/source.ts';
import { KnownScripts } from '#node/engine/debug/probes/known-scripts.ts';
import { type ArmedProbes, LiveProbes } from '#node/engine/debug/probes/live-probes.ts';
import {
  BINDING_NAME,
  type HandedOver,
  handedOverSchema,
  INSTALL_RUNTIME,
  RUNTIME_LIMITS,
  RUNTIME_NAME,
  type RuntimeHit,
} from '#node/engine/debug/probes/probe-runtime.ts';
import type { ScriptRegistry } from '#node/engine/source/script-registry-interface.ts';
import type { CdpSession } from '#node/targets/attached-process.ts';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { Breakpoint } from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import { FakeTimers } from '#test/node/fake-timers.ts';

interface RuntimeProbe {
  readonly left: number;
  begin(): boolean;
  put(value: unknown): void;
  end(): void;
  /** As a breakpoint's condition. */
  log(thunks: readonly (() => unknown)[]): boolean;
}

interface Runtime {
  readonly probes: Record<number, RuntimeProbe>;
  add(n: number, isGlobal: boolean): void;
  disarm(n: number): void;
  heard(): void;
}

const SCRIPT = '1';
const requires = createRequire(import.meta.url);

/** The program, and its runtime once {@link ProbedProgram.install} was called. */
export class ProbedProgram {
  readonly timers = new FakeTimers();
  readonly handed: HandedOver[] = [];
  /** Told of every hand-over. */
  onHandOver: (payload: string) => void = () => undefined;
  /** What taking one value down costs, in milliseconds. */
  costMs = 0;
  readonly context: vm.Context;
  #spentMs = 0;

  constructor() {
    const performance = { now: () => this.timers.now() + this.#spentMs };
    const modules: Record<string, unknown> = {
      util: requires('node:util'),
      perf_hooks: { performance },
      async_hooks: { executionAsyncId: () => 7 },
    };
    this.context = vm.createContext({
      process: Object.assign(new EventEmitter(), { getBuiltinModule: (name: string) => modules[name] }),
      setTimeout: (run: () => void, ms: number) => this.timers.after(ms, run),
      [BINDING_NAME]: (payload: string) => {
        this.handed.push(handedOverSchema.parse(JSON.parse(payload)));
        this.onHandOver(payload);
      },
    });
  }

  /** What the program has as its inspection tool. */
  tool(): object {
    const tool = vm.runInContext(TOOL_SOURCE, this.context) as { preview(value: unknown, stop: number): string };
    const preview = (value: unknown, stop: number): string => {
      this.#spentMs += this.costMs;
      return tool.preview(value, stop);
    };
    return { preview };
  }

  install(): Runtime {
    const install = this.run(`(${INSTALL_RUNTIME})`) as (...args: unknown[]) => Runtime;
    return install.call(this.tool(), RUNTIME_NAME, BINDING_NAME, RUNTIME_LIMITS);
  }

  run(code: string, options: vm.RunningScriptOptions = {}): unknown {
    return vm.runInContext(code, this.context, options);
  }

  /** Taken down and handed over so far. */
  get hits(): RuntimeHit[] {
    return this.handed.flatMap(({ hits }) => hits);
  }

  /** How often the probe was hit, as far as it was told. */
  counted(n: number): number {
    const counts = this.handed.flatMap(({ counts: each }) => each).filter(([probe]) => probe === n);
    return counts.reduce((sum, [, count]) => sum + count, 0);
  }
}

export interface WatchedLog {
  readonly log: string;
  readonly condition?: string;
  readonly hitCondition?: string;
}

export interface WatchedProgram {
  readonly program: ProbedProgram;
  readonly hits: Hit[];
  /** As V8 has it now. */
  text(): string;
  /** Times that something was to be armed otherwise. */
  changes(): number;
  counted(): number;
  /** Arms logpoints at the start of a line (0-based); without any it takes them out. */
  arm(...logs: ({ readonly line: number } & WatchedLog)[]): Promise<ArmedProbes>;
  /** What conditions threw, as it was told. */
  readonly failed: string[];
}

/** A program of one script, and the probes of the daemon in it. Its functions are global. */
export function watchedProgram(source: string): WatchedProgram {
  const program = new ProbedProgram();
  const objects = new Map<unknown, object>([['tool', program.tool()]]);
  let text = source;
  program.run(text);
  const answers: Record<string, (params: Record<string, unknown>) => object> = {
    'Runtime.addBinding': () => ({}),
    'Runtime.callFunctionOn': ({ objectId, functionDeclaration, arguments: args, returnByValue }) => {
      const call = program.run(`(${String(functionDeclaration)})`) as (...values: unknown[]) => object;
      const values = (args as Protocol.Runtime.CallArgument[]).map(({ value }) => value as unknown);
      const value = call.apply(objects.get(objectId), values);
      if (returnByValue === true) return { result: { value } };
      objects.set('runtime', value);
      return { result: { objectId: 'runtime' } };
    },
    'Debugger.getScriptSource': () => ({ scriptSource: text }),
    'Debugger.setScriptSource': ({ scriptSource }) => {
      text = String(scriptSource);
      program.run(text);
      return { status: 'Ok' };
    },
  };
  const session = {
    send: async (method: string, params: Record<string, unknown> = {}) => answers[method]?.(params) ?? {},
    on: (event: string, listener: (params: object) => void) => {
      if (event === 'Runtime.bindingCalled') {
        program.onHandOver = (payload) => listener({ name: BINDING_NAME, payload });
      }
      return () => undefined;
    },
  } as unknown as CdpSession;
  const hits: Hit[] = [];
  const failed: string[] = [];
  let [changes, counted] = [0, 0];
  const probes = new LiveProbes({
    target: '1.00000000' as TargetId,
    scripts: new KnownScripts(session),
    registry: { locate: async () => ({ file: { path: 'app.js' } }) } as unknown as ScriptRegistry,
    timers: program.timers,
    tool: async () => 'tool',
    hasBooted: () => true,
    stands: () => false,
    onHits: (more) => void hits.push(...more),
    onCounted: (_, count) => {
      counted += count;
    },
    onChange: () => {
      changes += 1;
    },
    onConditionFailed: (_, why) => void failed.push(why),
  });
  return {
    program,
    hits,
    failed,
    text: () => text,
    changes: () => changes,
    counted: () => counted,
    arm: (...logs) =>
      probes.arm(
        logs.map(({ line, ...rest }, i) => {
          const record = { id: `b${i}` as BreakpointId, kind: 'log', where: { kind: 'line' }, ...rest };
          const breakpoint = { record: record as unknown as Breakpoint, writtenBy: 1 as MemberId, document: 'probes' };
          const columnNumber = /^\s*/.exec(source.split('\n')[line] ?? '')?.[0].length ?? 0;
          const place = { scriptId: SCRIPT, lineNumber: line, columnNumber, line: line + 1, column: columnNumber + 1 };
          return { breakpoint: breakpoint as DesiredBreakpoint, places: [place] };
        }),
      ),
  };
}
