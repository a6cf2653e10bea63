/**
 * One process under the debugger, from attaching to its end: owns its only CDP session, keeps it armed, and knows
 * whether it runs or stands. What a pause means to people (registers, leases, clients) is the hosted target's.
 */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId, MemberId } from '#shared/ids.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { AdapterTraits, AttachedProcess, CdpSession } from '../../../targets/attached-process.ts';
import type { Looked } from '../../../targets/prepared-looks.ts';
import type { ScriptRegistry } from '../../source/script-registry-interface.ts';
import { BreakpointReconciler, type ReconcilerOptions } from '../breakpoints/breakpoint-reconciler.ts';
import { ScriptLog } from '../cdp/script-log.ts';
import type { CaptureLimits } from '../inspection-tool/answers.ts';
import { InstalledTool } from '../inspection-tool/installed-tool.ts';
import { findLeftCode } from '../probes/left-code.ts';
import { Moves } from '../stepping/moves.ts';
import { ReturnPoints } from '../stepping/return-points.ts';
import { SkippedCode } from '../stepping/skipped-code.ts';
import { AskedStops } from '../stops/asked-stops.ts';
import type { CallFrames } from '../stops/glance.ts';
import { buildFrames, PauseBuilder, type PausedAt } from '../stops/pause-builder.ts';
import type { PendingPause } from '../stops/pending-pause.ts';
import { PreparedStops } from '../stops/prepared-stops.ts';
import type { PassedStop } from '../stops/snapshot-taker.ts';
import { StopJudge } from '../stops/stop-judge.ts';
import { UnshownStops } from '../stops/unshown-stops.ts';
import { unlessGone } from './target-gone.ts';

/** Taking our code out may take this long when the program is let go. */
const LEAVE_LIMIT_MS = 1_000;
/** A program may make contexts without end; the newest are the ones that run. */
const MAX_CONTEXTS = 8;

export interface TargetSessionOptions
  extends Omit<ReconcilerOptions, 'tool' | 'hasBooted' | 'stands' | 'adapter' | 'onArmed' | 'beforeChange'> {
  readonly process: AttachedProcess;
  /** What `cdp` stands on. */
  readonly pending: PendingPause;
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
  /** See {@link SnapshotTaker}. */
  snapshotLimits(): CaptureLimits | undefined;
  onSnapshot(stop: PassedStop): Promise<boolean>;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class TargetSession {
  readonly #options: TargetSessionOptions;
  readonly reconciler: BreakpointReconciler;
  readonly scripts = new ScriptLog();
  readonly moves: Moves;
  readonly #asked: AskedStops;
  readonly #judge: StopJudge;
  readonly #unshown: UnshownStops;
  readonly #skipped: SkippedCode;
  readonly #returns: ReturnPoints;
  readonly #prepared: PreparedStops;
  readonly #tool: InstalledTool;
  readonly #pauses: PauseBuilder;
  readonly #off: (() => void)[] = [];
  #paused: PausedAt | undefined;
  /** V8 stands, published or not. */
  #stands = false;
  /** Grows whenever V8 stops or runs: what was begun before is stale. */
  #moment = 0;
  /** Code may run in it. */
  #hasBooted: boolean;

  constructor(options: TargetSessionOptions) {
    this.#options = options;
    const { cdp, process } = options;
    this.#hasBooted = process.mode !== 'external' || !process.held;
    this.#tool = new InstalledTool(cdp);
    this.#pauses = new PauseBuilder(options);
    this.#asked = new AskedStops(options);
    this.reconciler = new BreakpointReconciler({
      ...options,
      adapter: process.adapter,
      tool: () => this.tool(),
      hasBooted: () => this.#hasBooted,
      stands: () => this.#stands || this.#asked.stepper.active,
      onArmed: () => this.#prepared.update(),
      beforeChange: async (scripts) => {
        if (process.adapter !== undefined) return;
        // Whatever becomes of a step, breakpoints are armed.
        await unlessGone(this.#unshown.beforeChange(scripts)).catch(options.onError);
      },
    });
    const { reconciler } = this;
    const urlOf = (scriptId: string): string => reconciler.urlOf(scriptId);
    const asked = this.#asked;
    const returns = new ReturnPoints(cdp, urlOf);
    const skipped = new SkippedCode(options.skipScripts, urlOf, (at) => options.registry.isAdded(at));
    this.#prepared = new PreparedStops({
      cdp,
      passing: () => (process.adapter === undefined && this.#hasBooted ? reconciler.passing() : []),
      limits: () => options.snapshotLimits(),
      tools: () => this.tools(),
      isStepping: () => asked.stepper.active,
    });
    this.#returns = returns;
    this.#skipped = skipped;
    this.#judge = new StopJudge({ ...options, reconciler, asked, returns });
    this.moves = new Moves({
      ...options,
      adapter: process.adapter,
      stepper: asked.stepper,
      skipped,
      returns,
      prepared: this.#prepared,
      mustBePaused: (action) => this.#mustBePaused(action),
      onResumed: (from) => {
        if (this.#paused?.pause === from) this.#onResumed();
      },
    });
    this.#unshown = new UnshownStops({ ...options, asked, returns, skipped, onRanOn: () => this.#ranOn() });
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
    const { cdp } = this.#options;
    this.#off.push(
      ...this.scripts.follow(cdp),
      ...this.#tool.follow(),
      cdp.on('Debugger.scriptParsed', (event) => {
        if (this.#options.pending.wakeScript.owns(event)) return;
        this.#skipped.add(event);
        // The first script of its own: what Node needs to begin is over by then.
        const begins = !this.#hasBooted && this.#skipped.isOwn(event.url);
        if (begins) this.#hasBooted = true;
        this.reconciler.addScript(event);
        if (begins) this.#guard(this.reconciler.reconcile());
        if (this.scripts.script(event.scriptId) !== undefined) onScript(event);
      }),
      cdp.on('Runtime.executionContextCreated', ({ context }) => onContext(context)),
      cdp.on('Debugger.paused', (event) => this.#guard(this.#onPaused(event))),
      cdp.on('Debugger.resumed', () => this.#onResumed()),
      cdp.on('Sandmesh.looked', (looked) => this.#guard(this.#onPassed(looked))),
      cdp.on('Runtime.consoleAPICalled', onConsole),
      cdp.on('Runtime.exceptionThrown', onException),
    );
    if (this.#hasBooted && this.adapter === undefined) {
      const left = await findLeftCode(cdp.running);
      if (left !== undefined) cdp.takeLeft(left);
    }
    await Promise.all([
      cdp.send('Runtime.enable'),
      cdp.send('Debugger.enable', {}),
      // A program that waits under --inspect-brk has not booted: code run in it then makes Node 20 abort
      // (has_serialized_options). Attached from outside, it gets the tool when somebody first looks.
      this.#options.process.mode === 'harness' ? this.tool() : undefined,
    ]);
    await this.reconciler.reconcile();
  }

  /** See {@link InstalledTool.id}. */
  tool(beside?: string): Promise<string> {
    return this.#tool.id(beside);
  }

  /** One for each context in which the program may stop next. */
  tools(): Promise<string[]> {
    return this.#tool.ids([...this.scripts.contexts].slice(-MAX_CONTEXTS).map(({ id }) => id));
  }

  /** It was asked to pause and has yet to come to a statement: code run in it from around here would be that. */
  get isPausing(): boolean {
    return this.#asked.isPauseAsked;
  }

  /** Stops at the next statement; harmless when it stands already. */
  async pause(): Promise<void> {
    if (this.#paused === undefined) await this.#asked.pause();
  }

  /** Lets it run on, or takes back a pause that is yet to come. @throws {SandboxError} NOT_PAUSED */
  async resume(): Promise<void> {
    if (this.#paused === undefined && this.#asked.withdrawPause()) return;
    await this.moves.resume();
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
    const { glances, stepper } = this.#asked;
    return glances.begin(look, stepper.active);
  }

  /** See {@link AskedStops.stopAtEntry}. */
  stopAtEntry(file: string): Promise<void> {
    return this.#asked.stopAtEntry(file);
  }

  /** Every frame of the current stop. @throws {SandboxError} NOT_PAUSED */
  async stack(): Promise<{ pause: Pause; frames: Frame[] }> {
    const { pause, callFrames } = this.#mustBePaused('show its stack');
    if (pause.frames.length === callFrames.length) return { pause, frames: pause.frames };
    return { pause, frames: await buildFrames(this.registry, callFrames) };
  }

  /** Whether a frame is in code that is stepped over: Node's own, the harness. */
  isSkipped(frame: Protocol.Debugger.CallFrame): boolean {
    return this.#skipped.has(frame);
  }

  /** See {@link PauseBuilder.ofLook}. */
  describe(callFrames: CallFrames, hitBreakpoints?: readonly BreakpointId[]): Promise<Pause> {
    return this.#pauses.ofLook(callFrames, hitBreakpoints);
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
    this.#asked.end();
    this.reconciler.end();
    this.#paused = undefined;
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
    const { callFrames } = event;
    if (this.moves.takeChosenCall(event)) {
      await this.cdp.send('Debugger.stepInto');
      return;
    }
    const owners = await this.#judge.owners(event);
    if (moment !== this.#moment) return;
    if (owners.passing.length > 0) await this.#leaveSnapshot({ callFrames, breakpoints: owners.passing });
    if (moment !== this.#moment) return;
    const why = this.#judge.reason(event, owners.stopping.length > 0);
    if (why === 'glance') return this.#unshown.lookAndGoOn(event);
    if (why === 'silent') {
      const goesOn = await this.#unshown.continueSilently(event);
      return goesOn ? undefined : this.#onPaused({ ...event, reason: 'other', hitBreakpoints: [] });
    }
    const mayBeSkipped = why === 'step' || why === 'pause-command';
    if (mayBeSkipped && (await this.#unshown.leaveSkippedCode(event))) return;
    this.#unshown.arrived();
    // Whatever moves the program on is sent after this, and finds the points gone.
    this.#guard(this.#returns.clear());
    const pause = await this.#pauses.ofStop(event, why, owners);
    if (moment !== this.#moment) return;
    this.#paused = { pause, callFrames, event };
    this.#options.onPause(pause, false);
    this.#asked.arrived(pause, callFrames);
    this.reconciler.countHits(owners.stopping);
    await this.#prepared.update();
  }

  /** @returns when what it takes was asked for: it is had before the program runs on */
  async #leaveSnapshot(stop: PassedStop): Promise<void> {
    this.reconciler.countHits(stop.breakpoints);
    const isTaken = await this.#options.onSnapshot(stop);
    // Each costs the program a stop: one in a loop rests.
    if (!isTaken) this.reconciler.rest(stop.breakpoints);
  }

  /** A stop that was prepared for is over. */
  async #onPassed(looked: Looked): Promise<void> {
    const { event } = looked;
    this.#prepared.spent(event.hitBreakpoints?.[0] ?? '');
    // What was asked for meanwhile went with the stop.
    this.#unshown.arrived();
    this.#asked.askAgain();
    const { passing } = await this.#judge.owners(event);
    if (passing.length > 0) await this.#leaveSnapshot({ callFrames: event.callFrames, breakpoints: passing, looked });
    await this.#prepared.update();
  }

  #onResumed(): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#moment += 1;
    if (!this.#unshown.isLeaving) this.#asked.askAgain();
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#options.onPause(null, this.#asked.stepper.active);
  }

  /** A step ended without a new stop. */
  #ranOn(): void {
    this.#guard(this.#prepared.update());
    if (this.#paused === undefined) this.#options.onPause(null, false);
  }

  #guard(work: Promise<unknown>): void {
    unlessGone(work).catch(this.#options.onError);
  }
}
