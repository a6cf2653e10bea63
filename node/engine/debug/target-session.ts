/**
 * One process under the debugger, from attaching to its end: owns its only CDP session, keeps it armed, and knows
 * whether it runs or stands. What a pause means to people (registers, leases, clients) is the hosted target's.
 */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId } from '#shared/ids.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { AttachedProcess, CdpSession } from '../../targets/attached-process.ts';
import type { ScriptRegistry } from '../source/script-registry-interface.ts';
import { BreakpointReconciler, type ReconcilerOptions } from './breakpoint-reconciler.ts';
import { TOOL_SOURCE } from './inspection-tool.ts';
import { buildFrames, buildPause, type PausedAt } from './pause-builder.ts';
import { INTERNAL_SCRIPTS } from './script-urls.ts';
import { STEP_METHODS, type StepKind, Stepper } from './stepper.ts';
import type { Timers } from './timers.ts';

/** A condition tried again to see whose breakpoint it was may take this long. */
const CONDITION_TEST_MS = 100;

/** Statements of Node's own that a pause or a step into may walk through before it gives up: some 30 per timer. */
const MAX_SKIPPED_STEPS = 300;

export interface TargetSessionOptions extends Omit<ReconcilerOptions, 'cdp'> {
  readonly process: AttachedProcess;
  readonly timers: Timers;
  readonly stepWaitMs: number;
  /** URL patterns of code that is stepped over besides Node's own. */
  readonly skipScripts: readonly string[];
  nextPauseId(): number;
  /** A new stop; null: it runs again. `stepping` says that a stop is likely to follow at once. */
  onPause(pause: Pause | null, stepping: boolean): void;
  onConsole(event: Protocol.Runtime.ConsoleAPICalledEvent): void;
  onException(event: Protocol.Runtime.ExceptionThrownEvent): void;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class TargetSession {
  readonly #options: TargetSessionOptions;
  readonly reconciler: BreakpointReconciler;
  readonly #stepper: Stepper;
  readonly #off: (() => void)[] = [];
  #tool: Promise<string> | undefined;
  #paused: PausedAt | undefined;
  /** V8 stands, published or not. */
  #stands = false;
  /** Grows whenever V8 stops or runs: what was begun before is stale. */
  #moment = 0;
  #pauseAsked = false;
  /** V8's own blackboxing has no effect on Node's scripts (measured on 20.20): they are stepped through by us. */
  readonly #skipped: readonly RegExp[];
  readonly #skippedScripts = new Set<string>();
  #skippedSteps = 0;

  constructor(options: TargetSessionOptions) {
    this.#options = options;
    this.reconciler = new BreakpointReconciler({ ...options, cdp: options.process.cdp });
    this.#stepper = new Stepper(options.timers, options.stepWaitMs);
    this.#skipped = [INTERNAL_SCRIPTS, ...options.skipScripts].map((pattern) => new RegExp(pattern));
  }

  get cdp(): CdpSession {
    return this.#options.process.cdp;
  }

  get registry(): ScriptRegistry {
    return this.#options.registry;
  }

  get pausedAt(): PausedAt | undefined {
    return this.#paused;
  }

  /** Enables the debugger and arms every wanted breakpoint; resolves when a held process may be released. */
  async start(): Promise<void> {
    const { onConsole, onException } = this.#options;
    const { cdp } = this;
    this.#off.push(
      cdp.on('Debugger.scriptParsed', (event) => {
        if (this.#skipped.some((pattern) => pattern.test(event.url))) this.#skippedScripts.add(event.scriptId);
        this.reconciler.addScript(event);
      }),
      cdp.on('Debugger.paused', (event) => this.#guard(this.#onPaused(event))),
      cdp.on('Debugger.resumed', () => this.#onResumed()),
      cdp.on('Runtime.consoleAPICalled', onConsole),
      cdp.on('Runtime.exceptionThrown', onException),
    );
    await Promise.all([
      cdp.send('Runtime.enable'),
      cdp.send('Debugger.enable', {}),
      // A program that waits under --inspect-brk has not booted: code run in it then makes Node 20 abort
      // (has_serialized_options). Attached from outside, it gets the tool when somebody first looks.
      this.#options.process.mode === 'harness' ? this.tool() : undefined,
    ]);
    await this.reconciler.reconcile();
  }

  /** Installed once, as early as possible: it closes over what the program may change later. */
  tool(): Promise<string> {
    this.#tool ??= this.#installTool().catch((error: unknown) => {
      this.#tool = undefined;
      throw error;
    });
    return this.#tool;
  }

  async #installTool(): Promise<string> {
    const { result } = await this.cdp.send('Runtime.evaluate', {
      expression: TOOL_SOURCE,
      // Gives `require` where `process.getBuiltinModule` is missing.
      includeCommandLineAPI: true,
      objectGroup: 'sandmesh-tool',
      silent: true,
    });
    if (result.objectId !== undefined) return result.objectId;
    throw new SandboxError(
      'EVALUATION_FAILED',
      `Cannot prepare the target for inspection: ${result.description ?? ''}`,
    );
  }

  /** Stops at the next statement; harmless when it stands already. */
  async pause(): Promise<void> {
    if (this.#paused !== undefined) return;
    this.#pauseAsked = true;
    await this.cdp.send('Debugger.pause');
  }

  /** @throws {SandboxError} NOT_PAUSED */
  async resume(): Promise<void> {
    const { pause } = this.#mustBePaused('resume it');
    this.#stepper.end(null);
    await this.#letRun('Debugger.resume');
    // V8's events may have overtaken the answer, up to the next stop: that one stays.
    if (this.#paused?.pause === pause) this.#onResumed();
  }

  /**
   * @returns the new stop, null when it ran on
   * @throws {SandboxError} NOT_PAUSED
   */
  async step(kind: StepKind): Promise<Pause | null> {
    const { callFrames } = this.#mustBePaused('step');
    const arrival = this.#stepper.begin(kind, callFrames.length);
    try {
      await this.#letRun(STEP_METHODS[kind]);
    } catch (error) {
      this.#stepper.end(null);
      throw error;
    }
    return arrival;
  }

  /** Every frame of the current stop. @throws {SandboxError} NOT_PAUSED */
  async stack(): Promise<{ pause: Pause; frames: Frame[] }> {
    const { pause, callFrames } = this.#mustBePaused('show its stack');
    if (pause.frames.length === callFrames.length) return { pause, frames: pause.frames };
    return { pause, frames: await buildFrames(this.registry, callFrames) };
  }

  /** The process ended or is let go: whoever waits for a step gets null. */
  end(): void {
    for (const off of this.#off.splice(0)) off();
    this.#moment += 1;
    this.#stepper.end(null);
    this.#paused = undefined;
  }

  /** A program that ends before its answer arrives did run on. */
  async #letRun(method: 'Debugger.resume' | (typeof STEP_METHODS)[StepKind]): Promise<void> {
    try {
      await this.cdp.send(method);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #mustBePaused(action: string): PausedAt {
    if (this.#paused !== undefined) return this.#paused;
    throw new SandboxError('NOT_PAUSED', `Cannot ${action}: the program is running`, {
      hint: 'Pause it with "sandmesh pause", or set a breakpoint.',
    });
  }

  async #onPaused(event: Protocol.Debugger.PausedEvent): Promise<void> {
    this.#moment += 1;
    this.#stands = true;
    const moment = this.#moment;
    const top = event.callFrames[0]?.location;
    const position = top && { scriptId: top.scriptId, lineNumber: top.lineNumber, columnNumber: top.columnNumber ?? 0 };
    const hits = event.hitBreakpoints ?? [];
    const isProbe = hits.some((hit) => this.reconciler.isProbe(hit));
    if (isProbe && position) await this.reconciler.scriptStarting(position.scriptId);
    const owners = await this.#ownersOf(event, hits, isProbe ? position : undefined);
    if (moment !== this.#moment) return;
    const why = this.#reasonOf(event, owners.length > 0, hits.length > 0);
    if (why === 'silent') return this.#continueSilently(event, hits.length > 0);
    if (why === 'step' && (await this.#stepOnwards(event, false))) return;
    if ((why === 'step' || why === 'pause-command') && (await this.#leaveSkippedCode(event, why))) return;
    this.#skippedSteps = 0;
    const pause = await buildPause(this.registry, event.callFrames, {
      id: this.#options.nextPauseId(),
      target: this.#options.target,
      reason: why,
      detail: why === 'exception' ? exceptionText(event) : undefined,
      hitBreakpoints: owners,
      at: this.#options.timers.now(),
    });
    if (moment !== this.#moment) return;
    this.#pauseAsked = false;
    this.#paused = { pause, callFrames: event.callFrames };
    this.#options.onPause(pause, false);
    this.#stepper.end(pause);
    this.reconciler.countHits(owners);
  }

  #ownersOf(
    event: Protocol.Debugger.PausedEvent,
    hits: readonly string[],
    at: { scriptId: string; lineNumber: number; columnNumber: number } | undefined,
  ): Promise<BreakpointId[]> | BreakpointId[] {
    if (reasonsOf(event).some(isException)) {
      const data: { uncaught?: unknown } = event.data ?? {};
      return this.reconciler.exceptionOwners(data.uncaught === true);
    }
    return this.reconciler.ownersOf(hits, at, (condition) => this.#holds(event, condition));
  }

  #reasonOf(event: Protocol.Debugger.PausedEvent, owned: boolean, hit: boolean): Pause['reason'] | 'silent' {
    const reasons = reasonsOf(event);
    if (reasons.some(isException)) return owned ? 'exception' : 'silent';
    if (owned) return 'breakpoint';
    if (this.#pauseAsked) return 'pause-command';
    if (reasons.includes('Break on start')) {
      // A program we launched is held by other means: nobody asked to stop at its first line.
      return this.#options.process.launch === undefined ? 'entry' : 'silent';
    }
    if (hit && !reasons.includes('step')) return 'silent';
    if (this.#stepper.active) return 'step';
    return reasons.includes('other') ? 'debugger-statement' : 'other';
  }

  /** @returns whether the step goes on, so that this stop is not shown */
  async #stepOnwards(event: Protocol.Debugger.PausedEvent, foreign: boolean): Promise<boolean> {
    const advice = this.#stepper.advise(event.callFrames.length, foreign);
    if (advice === 'arrived') return false;
    await this.cdp.send(advice === 'stepOut' ? 'Debugger.stepOut' : 'Debugger.stepOver');
    return true;
  }

  async #continueSilently(event: Protocol.Debugger.PausedEvent, foreign: boolean): Promise<void> {
    if (this.#stepper.active) {
      if (await this.#stepOnwards(event, foreign)) return;
      // The step led here anyway: show it as its end.
      return this.#onPaused({ ...event, reason: 'other', hitBreakpoints: [] });
    }
    await this.cdp.send('Debugger.resume');
  }

  /**
   * A step or a pause that arrives in Node's own code goes on to the program's: back to it where it waits on the stack,
   * else into whatever of it is called next.
   *
   * @returns whether it went on, so that this stop is not shown
   */
  async #leaveSkippedCode(event: Protocol.Debugger.PausedEvent, why: 'step' | 'pause-command'): Promise<boolean> {
    const isSkipped = (frame: Protocol.Debugger.CallFrame): boolean =>
      this.#skippedScripts.has(frame.location.scriptId);
    const [top, ...below] = event.callFrames;
    if (top === undefined || !isSkipped(top)) return false;
    this.#skippedSteps += 1;
    const mayEnter = why === 'pause-command' || this.#stepper.kind === 'into';
    if (mayEnter && this.#skippedSteps <= MAX_SKIPPED_STEPS) {
      await this.cdp.send('Debugger.stepInto');
      return true;
    }
    if (below.some((frame) => !isSkipped(frame))) {
      await this.cdp.send('Debugger.stepOut');
      return true;
    }
    if (why === 'pause-command') return false;
    this.#stepper.end(null);
    this.#skippedSteps = 0;
    await this.cdp.send('Debugger.resume');
    this.#onRunning();
    return true;
  }

  /** A step ended without a new stop. */
  #onRunning(): void {
    if (this.#paused === undefined) this.#options.onPause(null, false);
  }

  #onResumed(): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#moment += 1;
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#options.onPause(null, this.#stepper.active);
  }

  /** @returns undefined when it cannot be told without changing the program's state */
  async #holds(event: Protocol.Debugger.PausedEvent, condition: string): Promise<boolean | undefined> {
    const callFrameId = event.callFrames[0]?.callFrameId;
    if (callFrameId === undefined) return undefined;
    const expression = `!!(${condition}\n)`;
    const limits = { silent: true, throwOnSideEffect: true, timeout: CONDITION_TEST_MS };
    try {
      const answer = await this.cdp.send('Debugger.evaluateOnCallFrame', { callFrameId, expression, ...limits });
      if (answer.exceptionDetails === undefined) return answer.result.value === true;
      const text = answer.exceptionDetails.exception?.description ?? '';
      return /side[- ]effect/i.test(text) ? undefined : false;
    } catch {
      // Ran too long, or the target is gone: naming the breakpoint is the harmless answer.
      return undefined;
    }
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!isGone(error)) this.#options.onError(error);
    });
  }
}

function isGone(error: unknown): boolean {
  return error instanceof SandboxError && error.code === 'TARGET_GONE';
}

function isException(reason: string): boolean {
  return reason === 'exception' || reason === 'promiseRejection';
}

/** V8 says `ambiguous` when several things stopped it at once. */
function reasonsOf(event: Protocol.Debugger.PausedEvent): string[] {
  if (event.reason !== 'ambiguous') return [event.reason];
  const { reasons }: { reasons?: unknown } = event.data ?? {};
  if (!Array.isArray(reasons)) return ['other'];
  return reasons.map((entry: { reason?: unknown }) => String(entry?.reason));
}

function exceptionText(event: Protocol.Debugger.PausedEvent): string {
  const data: { description?: unknown; value?: unknown } = event.data ?? {};
  return String(data.description ?? data.value ?? 'an exception');
}
