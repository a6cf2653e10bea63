/**
 * One process under the debugger, from attaching to its end: owns its only CDP session, keeps it armed, and knows
 * whether it runs or stands. What a pause means to people (registers, leases, clients) is the hosted target's.
 */

import { pathToFileURL } from 'node:url';
import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId, MemberId } from '#shared/ids.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { AdapterTraits, AttachedProcess, CdpSession } from '../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../source/script-registry-interface.ts';
import { CONDITION_LIMIT_MS, type ConditionTest } from './armed-places.ts';
import { BreakpointReconciler, type ReconcilerOptions } from './breakpoint-reconciler.ts';
import { type CallTarget, callTargets } from './call-targets.ts';
import { ScriptLog } from './cdp/script-log.ts';
import { type CallFrames, Glances } from './glance.ts';
import { TOOL_SOURCE } from './inspection-tool.ts';
import { buildFrames, buildPause, type PausedAt } from './pause-builder.ts';
import { ReturnPoints, type ReturnTarget } from './return-points.ts';
import { escapeRegex, INTERNAL_SCRIPTS } from './script-urls.ts';
import { SkipFiles } from './skip-files.ts';
import { callersOf, STEP_METHODS, type StepChoice, type StepKind, Stepper } from './stepper.ts';
import { sortOwners } from './stop-owners.ts';
import { exceptionText, isException, reasonsOf } from './stop-reasons.ts';

/** Statements of Node's own that a pause or a step into may walk through before it gives up: some 30 per timer. */
const MAX_SKIPPED_STEPS = 300;
/** The same where the program waits below and is come back to by other means; an `emit` calls its listener in 30. */
const MAX_SKIPPED_STEPS_ON_STACK = 100;

/** Taking our code out may take this long when the program is let go. */
const LEAVE_LIMIT_MS = 1_000;

type StopReason = Pause['reason'] | 'silent' | 'glance';

export interface TargetSessionOptions extends Omit<ReconcilerOptions, 'tool' | 'hasBooted' | 'stands' | 'adapter'> {
  readonly process: AttachedProcess;
  readonly stepWaitMs: number;
  /** URL patterns of code that is stepped over besides Node's own. */
  readonly skipScripts: readonly string[];
  nextPauseId(): number;
  /** A new stop; null: it runs again. `stepping` says that a stop is likely to follow at once. */
  onPause(pause: Pause | null, stepping: boolean): void;
  onConsole(event: Protocol.Runtime.ConsoleAPICalledEvent): void;
  onException(event: Protocol.Runtime.ExceptionThrownEvent): void;
  onScript(event: Protocol.Debugger.ScriptParsedEvent): void;
  onContext(context: Protocol.Runtime.ExecutionContextDescription): void;
  /** Whether this member's own breakpoints may hold the program now. */
  mayHold(member: MemberId, isStepping: boolean): boolean;
  /**
   * Breakpoints that leave a snapshot of this stop. Resolves when what is asked of the program was sent.
   *
   * @returns false: too many came, none is taken
   */
  onSnapshot(callFrames: CallFrames, breakpoints: readonly BreakpointId[]): Promise<boolean>;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class TargetSession {
  readonly #options: TargetSessionOptions;
  readonly reconciler: BreakpointReconciler;
  readonly scripts = new ScriptLog();
  readonly #stepper: Stepper;
  readonly #off: (() => void)[] = [];
  #tool: Promise<string> | undefined;
  #paused: PausedAt | undefined;
  /** V8 stands, published or not. */
  #stands = false;
  /** Grows whenever V8 stops or runs: what was begun before is stale. */
  #moment = 0;
  #pauseAsked = false;
  readonly #glances: Glances;
  /** V8's own blackboxing has no effect on Node's scripts (measured on 20.20): they are stepped through by us. */
  readonly #skipped: readonly RegExp[];
  readonly #skippedScripts = new Set<string>();
  #skippedSteps = 0;
  /** What the step under way skips besides. */
  #skipFiles = new SkipFiles([]);
  /** V8's breakpoint at the first statement, until it is reached. */
  #entry: string | undefined;
  /** Code may run in it. */
  #hasBooted: boolean;
  /** A step into goes here first. */
  #chosenCall: GeneratedPosition | undefined;
  readonly #returns: ReturnPoints;

  constructor(options: TargetSessionOptions) {
    this.#options = options;
    this.#hasBooted = options.process.mode !== 'external' || !options.process.held;
    this.reconciler = new BreakpointReconciler({
      ...options,
      adapter: options.process.adapter,
      tool: () => this.tool(),
      hasBooted: () => this.#hasBooted,
      stands: () => this.#stands || this.#stepper.active,
    });
    this.#glances = new Glances(options.cdp, options.timers);
    this.#stepper = new Stepper(options.timers, options.stepWaitMs);
    this.#returns = new ReturnPoints(options.cdp, (scriptId) => this.reconciler.urlOf(scriptId));
    this.#skipped = [INTERNAL_SCRIPTS, ...options.skipScripts].map((pattern) => new RegExp(pattern));
  }

  get cdp(): CdpSession {
    return this.#options.cdp;
  }

  /** What debugs it, when it is no Node process. */
  get adapter(): AdapterTraits | undefined {
    return this.#options.process.adapter;
  }

  get registry(): ScriptRegistry {
    return this.#options.registry;
  }

  get pausedAt(): PausedAt | undefined {
    return this.#paused;
  }

  /** Enables the debugger and arms every wanted breakpoint; resolves when a held process may be released. */
  async start(): Promise<void> {
    const { onConsole, onException, onScript, onContext } = this.#options;
    const { cdp } = this;
    this.#off.push(
      ...this.scripts.follow(cdp),
      cdp.on('Debugger.scriptParsed', (event) => {
        if (this.#glances.owns(event)) return;
        if (this.#skipped.some((pattern) => pattern.test(event.url))) this.#skippedScripts.add(event.scriptId);
        // The first script of its own: what Node needs to begin is over by then.
        const begins = !this.#hasBooted && this.#isOwn(event.url);
        if (begins) this.#hasBooted = true;
        this.reconciler.addScript(event);
        if (begins) this.#guard(this.reconciler.reconcile());
        if (this.scripts.script(event.scriptId) !== undefined) onScript(event);
      }),
      cdp.on('Runtime.executionContextCreated', ({ context }) => onContext(context)),
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

  #isOwn(url: string): boolean {
    return url !== '' && !this.#skipped.some((pattern) => pattern.test(url));
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

  /**
   * Looks at the program where it stands; one that runs is stopped for as long as that takes, and nobody is told.
   *
   * @param look what it sends goes out before the program runs on; its result may come later
   * @throws {SandboxError} NOT_PAUSED when the program runs no code, LIMIT_EXCEEDED while another look is under way
   */
  async glance<T>(look: (callFrames: CallFrames) => Promise<T>): Promise<T> {
    if (this.#paused !== undefined) return look(this.#paused.callFrames);
    // A step under way ends in a stop of its own, which does as well: a second one would take its place.
    return this.#glances.begin(look, this.#stepper.active);
  }

  /**
   * Stops once, at the first statement of a script that is yet to run.
   *
   * @param file its real path
   */
  async stopAtEntry(file: string): Promise<void> {
    const urlRegex = `^${escapeRegex(pathToFileURL(file).href)}$`;
    const { breakpointId } = await this.cdp.send('Debugger.setBreakpointByUrl', { urlRegex, lineNumber: 0 });
    this.#entry = breakpointId;
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
   * @param choice `call`, with `into`: one of {@link calls}; `waitMs`: how long to wait for the new stop
   * @returns the new stop, null when it ran on
   * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT
   */
  async step(kind: StepKind, { call, waitMs, skip = [] }: StepChoice = {}): Promise<Pause | null> {
    const { pause, callFrames } = this.#mustBePaused('step');
    const at = call === undefined ? undefined : await this.#placeOfCall(call, callFrames[0]?.location);
    if (this.#paused?.pause !== pause) this.#mustBePaused('step');
    const arrival = this.#stepper.begin(kind, callFrames, waitMs);
    this.#chosenCall = at;
    this.#skipFiles = new SkipFiles(skip);
    try {
      if (at === undefined) await this.#letRun(STEP_METHODS[kind]);
      else await this.cdp.send('Debugger.continueToLocation', { location: at, targetCallFrames: 'current' });
    } catch (error) {
      this.#stepper.end(null);
      throw error;
    }
    return arrival;
  }

  /** Calls that the innermost frame's line is yet to make. @throws {SandboxError} NOT_PAUSED */
  async calls(): Promise<CallTarget[]> {
    const [top] = this.#mustBePaused('list its calls').callFrames;
    return top === undefined || this.adapter !== undefined ? [] : callTargets(this.cdp, this.registry, top);
  }

  /**
   * Runs a frame again from its start.
   *
   * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT, EVALUATION_FAILED when V8 cannot
   */
  async restartFrame(frame: number): Promise<void> {
    const { callFrames } = this.#mustBePaused('restart a frame');
    const callFrameId = callFrames[frame]?.callFrameId;
    if (callFrameId === undefined) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot restart frame ${frame}: there are ${callFrames.length}`);
    }
    const arrival = this.#stepper.begin('into', callFrames);
    try {
      await this.cdp.send('Debugger.restartFrame', { callFrameId, mode: 'StepInto' });
    } catch (cause) {
      this.#stepper.end(null);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxError('EVALUATION_FAILED', `Cannot restart frame ${frame}: ${why}`, { cause });
    }
    await arrival;
  }

  /** @returns undefined: the program stands right at it, or it is the first that comes */
  async #placeOfCall(
    call: number,
    here: Protocol.Debugger.Location | undefined,
  ): Promise<GeneratedPosition | undefined> {
    const calls = await this.calls();
    const found = calls[call];
    if (found === undefined) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot step into call ${call}: the line has ${calls.length} left`);
    }
    const { at } = found;
    const isHere = at.lineNumber === here?.lineNumber && at.columnNumber === (here?.columnNumber ?? 0);
    return isHere ? undefined : at;
  }

  /** Every frame of the current stop. @throws {SandboxError} NOT_PAUSED */
  async stack(): Promise<{ pause: Pause; frames: Frame[] }> {
    const { pause, callFrames } = this.#mustBePaused('show its stack');
    if (pause.frames.length === callFrames.length) return { pause, frames: pause.frames };
    return { pause, frames: await buildFrames(this.registry, callFrames) };
  }

  /** Whether a frame is in code that is stepped over: Node's own, the harness. */
  isSkipped({ location }: Protocol.Debugger.CallFrame): boolean {
    return this.#skippedScripts.has(location.scriptId);
  }

  /** What a look found, as a pause that nobody was shown. */
  describe(callFrames: CallFrames, hitBreakpoints: readonly BreakpointId[] = []): Promise<Pause> {
    const { target, timers, registry } = this.#options;
    const reason = hitBreakpoints.length === 0 ? ('pause-command' as const) : ('breakpoint' as const);
    const facts = { id: this.#options.nextPauseId(), target, reason, at: timers.now() };
    return buildPause(registry, callFrames, { ...facts, detail: undefined, hitBreakpoints: [...hitBreakpoints] });
  }

  /** Before it is let go: no code of ours stays behind, if the program lets go of it in time. */
  async leave(): Promise<void> {
    await Promise.race([
      this.reconciler.release().catch(() => undefined),
      new Promise<void>((resolve) => this.#options.timers.after(LEAVE_LIMIT_MS, resolve)),
    ]);
  }

  /** The process ended or is let go: whoever waits for a step gets null. */
  end(): void {
    for (const off of this.#off.splice(0)) off();
    this.#moment += 1;
    this.#stepper.end(null);
    this.#glances.fail();
    this.reconciler.end();
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
    const chosen = this.#chosenCall;
    this.#chosenCall = undefined;
    if (chosen !== undefined && isAt(chosen, position) && hits.length === 0) {
      await this.cdp.send('Debugger.stepInto');
      return;
    }
    const isProbe = hits.some((hit) => this.reconciler.isProbe(hit));
    if (isProbe && position) await this.reconciler.scriptStarting(position.scriptId);
    const owners = await this.#ownersOf(event, hits, isProbe ? position : undefined);
    if (moment !== this.#moment) return;
    const { stopping, passing, heldBy } = sortOwners(owners, this.#options.desired(), (member) =>
      this.#mayHold(member),
    );
    if (passing.length > 0) await this.#leaveSnapshot(event.callFrames, passing);
    if (moment !== this.#moment) return;
    const why = this.#reasonOf(event, stopping.length > 0, hits);
    if (why === 'silent') return this.#continueSilently(event);
    if (why === 'glance') return this.#lookAndGoOn(event);
    if ((why === 'step' || why === 'pause-command') && (await this.#leaveSkippedCode(event))) return;
    this.#skippedSteps = 0;
    // Whatever moves the program on is sent after this, and finds the points gone.
    if (this.#returns.isSet) this.#guard(this.#returns.clear());
    const pause = await buildPause(this.registry, event.callFrames, {
      id: this.#options.nextPauseId(),
      target: this.#options.target,
      reason: why,
      detail: why === 'exception' ? exceptionText(event) : undefined,
      hitBreakpoints: stopping,
      heldBy,
      at: this.#options.timers.now(),
    });
    if (moment !== this.#moment) return;
    this.#pauseAsked = false;
    this.#paused = { pause, callFrames: event.callFrames, event };
    this.#options.onPause(pause, false);
    this.#stepper.end(pause);
    if (this.#glances.wanted) this.#glances.look(event.callFrames);
    this.reconciler.countHits(stopping);
  }

  /** One's own breakpoints stop nobody else's step. */
  #mayHold(member: MemberId): boolean {
    return this.#options.mayHold(member, this.#stepper.active);
  }

  /** @returns when what it takes was asked for: it is had before the program runs on */
  async #leaveSnapshot(callFrames: CallFrames, breakpoints: readonly BreakpointId[]): Promise<void> {
    this.reconciler.countHits(breakpoints);
    const isTaken = await this.#options.onSnapshot(callFrames, breakpoints);
    // Each costs the program a stop: one in a loop rests.
    if (!isTaken) this.reconciler.rest(breakpoints);
  }

  /** @returns once it goes on: it was looked at, or is not in code of its own yet */
  async #lookAndGoOn(event: Protocol.Debugger.PausedEvent): Promise<void> {
    const { callFrames } = event;
    const isWoken = this.#glances.isWoken(callFrames);
    const isInside = callFrames.some((frame) => !this.isSkipped(frame));
    if (!isInside && (await this.#leaveSkippedCode(event))) return;
    this.#skippedSteps = 0;
    if (isWoken) this.#glances.fail();
    else this.#glances.look(callFrames);
    await this.#letRun('Debugger.resume');
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
    return this.reconciler.ownersOf(hits, at, (condition, again) => this.#holds(event, condition, again));
  }

  #reasonOf(event: Protocol.Debugger.PausedEvent, owned: boolean, hits: readonly string[]): StopReason {
    const reasons = reasonsOf(event);
    if (reasons.some(isException)) return owned ? 'exception' : 'silent';
    if (owned) return 'breakpoint';
    if (this.#leaveEntry(hits)) return 'entry';
    if (this.#pauseAsked) return 'pause-command';
    if (this.#glances.wanted && !this.#stepper.active) return 'glance';
    if (hits.length === 0 && !this.#stepper.active && this.#glances.takeLeftOver()) return 'silent';
    if (reasons.includes('Break on start')) {
      // A program we launched, and a worker thread, is held by other means: nobody asked to stop at its first line.
      // A debug adapter stands there only when it was asked to.
      const { launch, thread, adapter } = this.#options.process;
      return (launch === undefined && thread === undefined) || adapter !== undefined ? 'entry' : 'silent';
    }
    if (this.#returns.isReached(hits, event.callFrames.length)) return 'step';
    if (hits.length > 0 && !reasons.includes('step')) return 'silent';
    if (this.#stepper.active) return 'step';
    return reasons.includes('other') ? 'debugger-statement' : 'other';
  }

  /** @returns whether it stands at its first statement, where somebody wanted it to */
  #leaveEntry(hits: readonly string[]): boolean {
    const breakpointId = this.#entry;
    if (breakpointId === undefined || !hits.includes(breakpointId)) return false;
    this.#entry = undefined;
    this.#guard(this.cdp.send('Debugger.removeBreakpoint', { breakpointId }).then(() => undefined));
    return true;
  }

  /** Nobody asked for this stop: the program runs on, and a step in progress stays one. */
  async #continueSilently(event: Protocol.Debugger.PausedEvent): Promise<void> {
    const { callFrames: stack } = event;
    if (this.#stepper.active) {
      // The step led here anyway: show it as its end.
      if (this.#stepper.hasArrived(stack)) return this.#onPaused({ ...event, reason: 'other', hitBreakpoints: [] });
      const comesBack = this.#returns.isSet || (await this.#setReturns(this.#stepper.target(stack)));
      if (!comesBack && !this.#pauseAsked) return this.#runOn();
    }
    // Asked for while this went on: V8, which stood already, took no notice.
    if (this.#pauseAsked) return this.#onPaused({ ...event, reason: 'other', hitBreakpoints: [] });
    await this.cdp.send('Debugger.resume');
  }

  /** @returns whether the program comes back to any of these functions */
  #setReturns({ frames, maxDepth }: ReturnTarget): Promise<boolean> {
    const own = frames.filter(({ start }) => !this.#isSteppedThrough(start.scriptId));
    return this.#returns.set({ frames: own, maxDepth });
  }

  /**
   * A step or a pause that arrives in Node's own code, or in what this step skips, goes on to the program's: back to it
   * where it waits on the stack, else into whatever of it is called next.
   *
   * @returns whether it went on, so that this stop is not shown
   */
  async #leaveSkippedCode(event: Protocol.Debugger.PausedEvent): Promise<boolean> {
    const [top] = event.callFrames;
    if (top === undefined || !this.#isSteppedThrough(top.location.scriptId)) return false;
    this.#skippedSteps += 1;
    const comesBack = this.#returns.isSet || (await this.#setReturns(callersOf(event.callFrames)));
    const mayEnter = this.#pauseAsked || this.#glances.wanted || this.#stepper.kind === 'into';
    const limit = comesBack || this.#glances.wanted ? MAX_SKIPPED_STEPS_ON_STACK : MAX_SKIPPED_STEPS;
    if (mayEnter && this.#skippedSteps <= limit) await this.cdp.send('Debugger.stepInto');
    else if (comesBack) await this.cdp.send('Debugger.resume');
    else if (this.#pauseAsked || this.#glances.wanted) return false;
    else await this.#runOn();
    return true;
  }

  #isSteppedThrough(scriptId: string): boolean {
    if (this.#skippedScripts.has(scriptId)) return true;
    return this.#stepper.active && this.#skipFiles.has(this.reconciler.urlOf(scriptId));
  }

  /** A step ends without a new stop. */
  async #runOn(): Promise<void> {
    this.#stepper.end(null);
    this.#skippedSteps = 0;
    await this.cdp.send('Debugger.resume');
    if (this.#paused === undefined) this.#options.onPause(null, false);
  }

  /** V8 took no notice of what was asked for while the program was on its way out of a stop. */
  #askAgain(): void {
    if (this.#pauseAsked) this.#guard(this.pause());
    else if (this.#glances.wanted && !this.#stepper.active) this.#glances.ask();
  }

  #onResumed(): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#moment += 1;
    if (this.#skippedSteps === 0) this.#askAgain();
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#options.onPause(null, this.#stepper.active);
  }

  async #holds(
    event: Protocol.Debugger.PausedEvent,
    ...[condition, again]: Parameters<ConditionTest>
  ): ReturnType<ConditionTest> {
    const callFrameId = event.callFrames[0]?.callFrameId;
    if (callFrameId === undefined) return 'unknown';
    const { adapter } = this;
    if (adapter !== undefined) return this.#holdsFor(adapter, callFrameId, condition);
    const expression = `!!(${condition}\n)`;
    const limits = { silent: true, throwOnSideEffect: again, timeout: CONDITION_LIMIT_MS };
    try {
      const answer = await this.cdp.send('Debugger.evaluateOnCallFrame', { callFrameId, expression, ...limits });
      if (answer.exceptionDetails === undefined) return answer.result.value === true;
      const text = answer.exceptionDetails.exception?.description ?? '';
      return again && /side[- ]effect/i.test(text) ? 'unknown' : false;
    } catch (error) {
      const wasStopped = error instanceof SandboxError && /terminated/i.test(error.message);
      return wasStopped && !again ? 'endless' : 'unknown';
    }
  }

  /** A condition of another language, which its debug adapter evaluates; one that fails does not hold, as everywhere. */
  async #holdsFor(adapter: AdapterTraits, callFrameId: string, condition: string): ReturnType<ConditionTest> {
    const asked = { callFrameId, expression: adapter.truth(condition), timeout: CONDITION_LIMIT_MS };
    try {
      const { result } = await this.cdp.send('Debugger.evaluateOnCallFrame', asked);
      return adapter.isTrue(result.description ?? '');
    } catch (error) {
      return error instanceof SandboxError && error.code === 'EVALUATION_FAILED' ? false : 'unknown';
    }
  }

  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!isGone(error)) this.#options.onError(error);
    });
  }
}

function isAt(place: GeneratedPosition, position: GeneratedPosition | undefined): boolean {
  return (
    place.scriptId === position?.scriptId &&
    place.lineNumber === position.lineNumber &&
    place.columnNumber === position.columnNumber
  );
}

function isGone(error: unknown): boolean {
  return error instanceof SandboxError && error.code === 'TARGET_GONE';
}
