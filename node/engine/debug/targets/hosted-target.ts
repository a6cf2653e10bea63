/**
 * One target of this host, through all its processes: a watcher's restart keeps it. Publishes what it does in the
 * host's registers, holds its console, and knows who drives it and who looks into it.
 */

import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId, MemberId } from '#shared/ids.ts';
import type { BreakpointStatus } from '#shared/model/breakpoint.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { Lease, Pause } from '#shared/model/pause.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { ConsoleLine, Target } from '#shared/model/target.ts';
import type { Right } from '#shared/rights.ts';
import type { AttachedProcess, DetachOptions, ProcessExit } from '../../../targets/attached-process.ts';
import type { ScriptRegistry } from '../../source/script-registry-interface.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import type { TellClient } from '../cdp/cdp-clients.ts';
import type { EngineLimits } from '../engine-limits.ts';
import type { Mask } from '../inspection/preview.ts';
import { consoleStream, consoleText, exceptionText } from '../output/console-text.ts';
import { Output } from '../output/output.ts';
import { KeptHits } from '../probes/kept-hits.ts';
import type { KnownScripts } from '../probes/known-scripts.ts';
import { registerKeys } from '../published/host-registers.ts';
import { PublishedTarget } from '../published/published-target.ts';
import type { PendingPause } from '../stops/pending-pause.ts';
import type { SnapshotTaker } from '../stops/snapshot-taker.ts';
import type { Timers } from '../timers.ts';
import { Driving } from './driving.ts';
import { TargetClients } from './target-clients.ts';
import { unlessGone } from './target-gone.ts';
import type { FormerProcess } from './target-identity.ts';
import { TargetSession, type TargetSessionOptions } from './target-session.ts';

export interface HostedTargetOptions {
  readonly self: MemberId;
  readonly timers: Timers;
  readonly limits: EngineLimits;
  readonly skipScripts: readonly string[];
  readonly root: string | undefined;
  readonly mask: Mask;
  /** Absolute path of a file of the project here. */
  pathOf(file: SourceFile): string | undefined;
  desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint>;
  /** Rights of a member on this target now: role and this host's consent. */
  rightsOf(member: MemberId, target: Target): ReadonlySet<Right>;
  /** Whether a member's conditions may run here now. */
  mayRunCode(member: MemberId, target: Target): boolean;
  nameOf(member: MemberId): string;
  writeRegister(key: string, value: unknown): void;
  onTarget(target: Target): void;
  onPause(pause: Pause | null): void;
  onLease(lease: Lease): void;
  onStatus(breakpoint: BreakpointId): void;
  onOutput(lines: ConsoleLine[]): void;
  onHits(hits: Hit[]): void;
  snapshots(): SnapshotTaker<HostedTarget> | undefined;
  onError(error: unknown): void;
  readonly tellClient: TellClient;
}

export class HostedTarget {
  readonly #options: HostedTargetOptions;
  readonly output: Output;
  readonly hits = new KeptHits();
  readonly driving: Driving;
  readonly clients: TargetClients;
  readonly #published: PublishedTarget;
  #former: FormerProcess | undefined;
  #process: AttachedProcess | undefined;
  #session: TargetSession | undefined;
  #pauseId = 0;

  constructor(target: Target, options: HostedTargetOptions) {
    this.#options = options;
    const { timers, mask, tellClient } = options;
    this.#published = new PublishedTarget(target, { ...options, onPause: (pause) => this.#tellPause(pause) });
    this.output = new Output(target.id, timers, options.onOutput);
    this.clients = new TargetClients({
      mask,
      tellClient,
      rightsOf: (member) => this.rightsOf(member),
      session: () => this.session,
      view: () => this.view,
    });
    this.driving = new Driving({
      ...options,
      target: target.id,
      mayDrive: (member) => this.rightsOf(member).has('control'),
      session: () => this.session,
      pause: () => this.pause,
      releaseHeld: () => (this.#process?.held === true ? this.#release(this.#process) : undefined),
      onLease: (lease) => {
        options.writeRegister(registerKeys.lease(target.id), lease);
        options.onLease(lease);
      },
      onOver: (why, disarm) => this.#letGo(why, disarm),
      onRestored: () => this.reconcile(),
    });
  }

  get view(): Target {
    return this.#published.view;
  }

  get pause(): Pause | undefined {
    return this.#published.pause;
  }

  get statuses(): ReadonlyMap<BreakpointId, BreakpointStatus> {
    return this.#session?.reconciler.statuses ?? new Map();
  }

  get former(): FormerProcess | undefined {
    return this.#former;
  }

  /** Whether its pid is one of this machine; false for one in a container that cannot be seen from here. */
  get isLocal(): boolean {
    return this.#process?.isLocal !== false;
  }

  get isLive(): boolean {
    return this.#session !== undefined;
  }

  /** @throws {SandboxError} TARGET_GONE */
  get session(): TargetSession {
    if (this.#session !== undefined) return this.#session;
    const { id, name, state } = this.view;
    throw new SandboxError('TARGET_GONE', `Cannot reach the target ${id} (${name}): it is ${state}`, {
      hint: 'See what runs with "sandmesh targets".',
    });
  }

  /**
   * Takes a process under the debugger. A held one starts once its breakpoints are armed and `wait` is over.
   *
   * @returns when armed
   */
  async attach(
    process: AttachedProcess,
    parts: { cdp: KnownScripts; pending: PendingPause; registry: ScriptRegistry },
    { wait, restarted, stopOnEntry }: { wait: Promise<unknown> | undefined; restarted: boolean; stopOnEntry: boolean },
  ): Promise<void> {
    const startedAt = process.startedAt ?? this.#options.timers.now();
    const { pid, thread, launch, entry, argv } = process;
    this.#former = { pid, thread, launch, entry, argv, startedAt };
    this.#process = process;
    const session = this.#openSession(process, parts);
    this.#session = session;
    const ended = new Promise<void>((resolve) => {
      process.events.on('exit', (exit) => {
        if (this.#process === process) this.#onExit(exit);
        resolve();
      });
    });
    process.events.on('dropped', ({ count }) => this.output.addDropped(count));
    const { exitCode: _code, exitSignal: _signal, ...rest } = this.view;
    const restarts = rest.restarts + (restarted ? 1 : 0);
    const { held } = process;
    this.#published.publish({ ...rest, state: 'starting', pid, ...(thread && { thread }), restarts, held, startedAt });
    try {
      await session.start();
    } catch (error) {
      // It may have ended before anybody listened: worker threads live for milliseconds.
      if (this.#process === process) this.#onExit({ code: null, signal: null, how: 'lost' });
      throw error;
    }
    if (stopOnEntry && entry !== undefined) await session.stopAtEntry(entry);
    if (wait !== undefined && process.held) {
      void Promise.race([wait, ended]).then(() => this.#release(process), this.#options.onError);
      return;
    }
    await this.#release(process);
  }

  rightsOf(member: MemberId): ReadonlySet<Right> {
    return this.#options.rightsOf(member, this.view);
  }

  /** Rights or membership changed: conditions and the lease are looked at again. */
  recheck(): void {
    this.driving.recheck();
    this.clients.devTools.recheck();
    this.reconcile();
  }

  reconcile(): void {
    if (this.#session === undefined) return;
    unlessGone(this.#session.reconciler.reconcile()).catch(this.#options.onError);
  }

  /** Lets the program go on without the debugger. */
  async detach(options: DetachOptions = {}): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    await this.#session?.leave();
    await process.detach(options);
    if (this.#process === process) this.#onExit({ code: null, signal: null, how: 'lost' });
  }

  /** The launcher saw how the command line ended; the harness may not have. */
  recordExit(code: number | null, signal: string | null): void {
    if (this.isLive || this.view.exitCode !== undefined || this.view.state !== 'exited') return;
    this.#published.publish({ ...this.view, exitCode: code, exitSignal: signal });
  }

  async #release(process: AttachedProcess): Promise<void> {
    if (this.#process !== process) return;
    const state = this.pause === undefined ? 'running' : 'paused';
    this.#published.publish({ ...this.view, state, held: false });
    await process.release();
  }

  #openSession(
    process: AttachedProcess,
    parts: Pick<TargetSessionOptions, 'cdp' | 'pending' | 'registry'>,
  ): TargetSession {
    const { timers, limits, desired, onError, onStatus, root, skipScripts, writeRegister, mask } = this.#options;
    const { id } = this.view;
    return new TargetSession({
      process,
      ...parts,
      target: id,
      timers,
      root,
      skipScripts,
      stepWaitMs: limits.stepWaitMs,
      pathOf: (file) => this.#options.pathOf(file),
      desired,
      onError,
      mayRunCode: (member) => this.#options.mayRunCode(member, this.view),
      nameOf: this.#options.nameOf,
      whyNotStop: (member) => this.#whyNotStop(member),
      mayHold: (member, isStepping) => this.driving.mayHold(member, isStepping),
      snapshotLimits: () => this.#options.snapshots()?.limitsOf(this),
      onSnapshot: async (stop) => this.#options.snapshots()?.take(this, stop) ?? true,
      nextPauseId: () => ++this.#pauseId,
      onPause: (pause, stepping) => (pause === null ? this.#onRunning(stepping) : this.#onPause(pause)),
      onStatus: (breakpoint, status) => {
        writeRegister(registerKeys.armed(id, breakpoint), status === undefined ? null : masked(status, mask));
        onStatus(breakpoint);
      },
      onHits: (hits) => {
        this.hits.add(hits);
        this.#options.onHits(hits);
      },
      onCodeFailure: (text) => this.output.add('system', () => text),
      onConsole: (event) => {
        const stream = consoleStream(event.type);
        if (stream !== undefined) this.output.add(stream, () => consoleText(event.args));
        this.clients.devTools.console(event);
      },
      onException: (event) => {
        this.output.add('error', () => exceptionText(event));
        this.clients.devTools.exception(event);
      },
      onScript: (event) => this.clients.devTools.script(event),
      onContext: (context) => this.clients.devTools.context(context),
    });
  }

  #tellPause(pause: Pause | null): void {
    this.#options.onPause(pause);
    const at = this.#session?.pausedAt;
    if (pause !== null && at !== undefined) this.clients.devTools.paused(at);
  }

  #onPause(pause: Pause): void {
    this.#published.stands(pause);
    this.driving.stands(pause);
  }

  #onRunning(stepping: boolean): void {
    this.driving.runs();
    this.clients.resumed();
    this.#published.runs(stepping);
  }

  /** Somebody has held the program for as long as one may. */
  #letGo(why: () => string, disarm: boolean): void {
    this.output.add('system', why);
    const disarmed = disarm ? this.#session?.reconciler.reconcile() : undefined;
    Promise.resolve(disarmed)
      .then(() => this.#session?.moves.resume())
      .catch(this.#options.onError);
  }

  /** A right gone, or pause time spent, takes a member's breakpoints out at once. */
  #whyNotStop(member: MemberId): string | undefined {
    if (!this.rightsOf(member).has('breakpoint')) return `${this.#options.nameOf(member)} may not set breakpoints here`;
    return this.driving.obstacle(member);
  }

  #onExit(exit: ProcessExit): void {
    const armed = [...this.statuses.keys()];
    this.clients.end(exit.how === 'exit' ? 'the program has ended' : 'the target was let go');
    this.#session?.end();
    this.#session = undefined;
    this.#process = undefined;
    this.#published.clearPause();
    this.driving.end();
    this.#published.clearDriving(armed);
    this.output.flush();
    this.#published.gone(exit);
    for (const breakpoint of armed) this.#options.onStatus(breakpoint);
  }
}

/** What a condition threw may name values. */
function masked({ reason, ...status }: BreakpointStatus, mask: Mask): BreakpointStatus {
  return reason === undefined ? status : { ...status, reason: mask('', reason).slice(0, 300) };
}
