/**
 * Debugging in one sandbox: the targets this daemon hosts, what other hosts tell of theirs, and the breakpoints all of
 * them share. Desired state comes from the shared documents, actual state goes to the host's registers.
 */

import type { TopicEvent, TopicName } from '#protocol/topics.ts';
import { Emitter } from '#shared/emitter.ts';
import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { BreakpointView } from '#shared/model/breakpoint.ts';
import type { Lease, Pause } from '#shared/model/pause.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { ProcessMetrics, Target } from '#shared/model/target.ts';
import { type Right, ROLE_RIGHTS } from '#shared/rights.ts';
import type { Change, Replica } from '../../network/replication/replica-interface.ts';
import type { AttachedProcess, DetachOptions } from '../../targets/attached-process.ts';
import { HARNESS_SCRIPTS } from '../../targets/harness-files.ts';
import type { FileNames, Project } from '../source/project.ts';
import type { ScriptRegistry } from '../source/script-registry-interface.ts';
import { type DesiredBreakpoint, isBreakpointDocument } from './breakpoints/breakpoint-records.ts';
import { SharedBreakpoints } from './breakpoints/shared-breakpoints.ts';
import type { TellClient } from './cdp/cdp-clients.ts';
import { DEFAULT_LIMITS, type EngineLimits } from './engine-limits.ts';
import { noteChange } from './inspection/live-scopes.ts';
import type { Mask } from './inspection/preview.ts';
import { KnownScripts } from './probes/known-scripts.ts';
import { type HostEvent, type HostTopic, parseHostEvent, shownEvent } from './published/host-broadcasts.ts';
import { correctRegisters } from './published/host-registers.ts';
import { RegisterWriter } from './published/register-writer.ts';
import { PendingPause } from './stops/pending-pause.ts';
import type { SnapshotTaker } from './stops/snapshot-taker.ts';
import { HostedTarget } from './targets/hosted-target.ts';
import { HostedTargets } from './targets/hosted-targets.ts';
import { KnownTargets } from './targets/known-targets.ts';
import { systemTimers, type Timers } from './timers.ts';

export type EngineEvents = { [T in TopicName]: TopicEvent<T> };

export interface DebugEngineOptions {
  readonly replica: Replica;
  readonly project: Project | undefined;
  readonly names: FileNames | undefined;
  /** A fresh registry for a process; the engine feeds it. */
  createRegistry(process: Pick<AttachedProcess, 'cdp' | 'cwd'>): ScriptRegistry;
  /** This host's word (policy, consent) on a right that a member's role holds; asked anew in every call. */
  permits(member: MemberId, right: Right, target: Target): boolean;
  /** Its word on code that stays: conditions. `evaluate` is asked for as well. */
  permitsProbes(member: MemberId, target: Target): boolean;
  /** Source files loaded by a target of another host; used to find what a typed location means. */
  listSources(target: Target, match: string): Promise<readonly SourceFile[]>;
  readonly mask: Mask;
  /** Something failed that no caller waits for. */
  onError(error: unknown): void;
  /** Tells a member's DevTools clients; absent: there are none. */
  readonly tellClient?: TellClient;
  readonly limits?: Partial<EngineLimits>;
  readonly timers?: Timers;
}

export interface AdoptOptions {
  /** Keep a held process at its first line until this resolves (`--wait`). */
  readonly wait?: Promise<unknown>;
  /** Pause it at its first statement. */
  readonly stopOnEntry?: boolean;
}

export class DebugEngine {
  readonly #options: DebugEngineOptions;
  readonly #timers: Timers;
  readonly #limits: EngineLimits;
  /** What changed anywhere in the sandbox, local and remote; metrics and output of remote hosts by {@link accept}. */
  readonly events = new Emitter<EngineEvents>();
  snapshots: SnapshotTaker<HostedTarget> | undefined;
  readonly #hosted: HostedTargets;
  readonly #known: KnownTargets;
  readonly #breakpoints: SharedBreakpoints;
  /** Said anew by the next run when lost. */
  readonly #registers: RegisterWriter;
  /** What happens to a target, here or at its host, is told alike. */
  readonly #tellers = {
    onTarget: (target: Target) => this.events.emit('targets', { target }),
    onPause: (target: TargetId, pause: Pause | null) => this.events.emit('pauses', { target, pause }),
    onLease: (lease: Lease) => this.events.emit('leases', { lease }),
    onStatus: (breakpoint: BreakpointId) => this.#breakpoints.tell(breakpoint),
  };
  readonly #metrics = new Map<TargetId, ProcessMetrics>();
  readonly #off: (() => void)[] = [];

  constructor(options: DebugEngineOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#registers = new RegisterWriter(options.replica, this.#timers, options.onError);
    this.#hosted = new HostedTargets({
      ...options,
      timers: this.#timers,
      open: (target) => this.#openTarget(target),
    });
    this.#known = new KnownTargets({
      ...this.#tellers,
      replica: options.replica,
      hosted: this.#hosted,
    });
    this.#breakpoints = new SharedBreakpoints({
      replica: options.replica,
      targets: () => this.#known.all(),
      statusesHere: (target) => this.#hosted.get(target)?.statuses,
      onWanted: () => {
        for (const hosted of this.#hosted.all()) hosted.reconcile();
      },
      onChange: (event) => this.events.emit('breakpoints', event),
    });
  }

  get now(): number {
    return this.#timers.now();
  }

  /** Cleans up after a former run of this daemon and listens. */
  start(): void {
    const { replica } = this.#options;
    for (const [key, value] of correctRegisters(replica.registers('host', replica.self), replica.self)) {
      this.#registers.write(key, value);
    }
    this.#breakpoints.start();
    this.#off.push(
      replica.events.on('change', (change) => this.#onChange(change)),
      replica.events.on('reset', ({ document }) => {
        if (isBreakpointDocument(document)) this.#breakpoints.reread();
      }),
      replica.events.on('control', () => this.recheckConsent()),
      replica.events.on('peer', ({ member, connected }) => {
        if (connected) return this.#registers.flush();
        for (const hosted of this.#hosted.all()) {
          hosted.clients.devTools.closeAll('its member is away', member);
          if (hosted.isLive) hosted.driving.lease.leave(member);
        }
      }),
    );
  }

  /** Lets every process go; the programs run on. */
  async stop(options: DetachOptions = {}): Promise<void> {
    for (const off of this.#off.splice(0)) off();
    await Promise.allSettled(this.#hosted.all().map((hosted) => hosted.detach(options)));
    this.#registers.flush();
    this.events.removeAll();
  }

  /**
   * Takes a process under the debugger; a known program's restart keeps its target.
   *
   * @returns once its breakpoints are armed; a held process runs by then, unless it waits
   * @throws {SandboxError} TARGET_GONE when it ended meanwhile
   */
  async adopt(process: AttachedProcess, { wait, stopOnEntry = false }: AdoptOptions = {}): Promise<Target> {
    const pending = new PendingPause(process);
    const cdp = new KnownScripts(pending);
    const registry = this.#options.createRegistry({ cdp, cwd: process.cwd });
    const { hosted, restarted } = this.#hosted.slotFor(process);
    await hosted.attach(process, { cdp, pending, registry }, { wait, restarted, stopOnEntry });
    return hosted.view;
  }

  /** Targets of every member, this host's first. */
  targets(): Target[] {
    return this.#known.all();
  }

  target(id: TargetId): Target | undefined {
    return this.#known.target(id);
  }

  pauseOf(id: TargetId): Pause | undefined {
    return this.#known.pauseOf(id);
  }

  leaseOf(id: TargetId): Lease | undefined {
    return this.#known.leaseOf(id);
  }

  metricsOf(id: TargetId): ProcessMetrics | undefined {
    return this.#metrics.get(id);
  }

  /** A target this daemon hosts. @throws {SandboxError} TARGET_UNKNOWN */
  hosted(id: TargetId): HostedTarget {
    return this.#hosted.mustGet(id);
  }

  /** What members want, whatever became of it. */
  get desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint> {
    return this.#breakpoints.desired;
  }

  breakpoints(): BreakpointView[] {
    return this.#breakpoints.views();
  }

  breakpoint(id: BreakpointId): BreakpointView | undefined {
    return this.#breakpoints.view(id);
  }

  /** Source files that some live target has loaded and whose path holds `match`. */
  async loadedSources(match: string): Promise<readonly SourceFile[]> {
    const live = this.targets().filter(({ state }) => state === 'running' || state === 'paused');
    const lists = await Promise.allSettled(
      live.map((target) => {
        const hosted = this.#hosted.get(target.id);
        return hosted === undefined ? this.#options.listSources(target, match) : hosted.session.registry.list(match);
      }),
    );
    // A host that does not answer has nothing to add.
    return lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
  }

  /** A right or consent changed: conditions are armed or disarmed at once. */
  recheckConsent(): void {
    for (const hosted of this.#hosted.all()) if (hosted.isLive) hosted.recheck();
  }

  /** Rights of a member on a target of this host now: those of its role that this host permits. */
  rightsOf(member: MemberId, target: Target): ReadonlySet<Right> {
    const { replica, permits } = this.#options;
    const record = replica.control.members.get(member);
    if (record === undefined || record.removed) return new Set();
    return new Set([...ROLE_RIGHTS[record.role]].filter((right) => permits(member, right, target)));
  }

  /** The first target of a launched command line, once it has one. */
  targetOfLaunch(launch: string): Target | undefined {
    return this.#hosted.ofLaunch(launch)[0]?.view;
  }

  /** `target.finish`: how the launched command line ended. */
  finishLaunch(launch: string, code: number | null, signal: string | null): void {
    for (const hosted of this.#hosted.ofLaunch(launch)) hosted.recordExit(code, signal);
  }

  /** A client connection ended: its handles go. */
  closeClient(client: string): void {
    for (const hosted of this.#hosted.all()) hosted.clients.close(client);
  }

  /** A reading of a target's process monitor, local or remote. */
  reportMetrics(event: TopicEvent<'metrics'>): void {
    this.#metrics.set(event.metrics.target, event.metrics);
    this.events.emit('metrics', event);
  }

  /** A member ran code in a program of this host, or set a variable; nobody looks at values of one that runs. */
  tellValues(target: TargetId, by: MemberId, typed: boolean): void {
    const hosted = this.#hosted.get(target);
    const at = hosted?.isLive === true ? hosted.session.pausedAt : undefined;
    if (at === undefined) return;
    noteChange(at);
    this.events.emit('values', { target, by, typed });
  }

  /** Takes in what another host tells of its programs; what it may not speak of is ignored. */
  accept(from: MemberId, topic: HostTopic, event: unknown): void {
    const told = parseHostEvent(from, topic, event);
    if (told === undefined) return;
    if (told.topic === 'metrics') this.reportMetrics(told.event);
    else this.events.emit(told.topic, told.event as never);
  }

  /** See {@link shownEvent}. */
  shownTo<E extends HostEvent>(member: MemberId, told: E): E['event'] {
    return shownEvent(told, this.#options.mask, (target) => this.#hosted.get(target)?.rightsOf(member));
  }

  #openTarget(target: Target): HostedTarget {
    const { replica, project, mask, onError, permitsProbes } = this.#options;
    return new HostedTarget(target, {
      self: replica.self,
      timers: this.#timers,
      limits: this.#limits,
      skipScripts: [HARNESS_SCRIPTS],
      root: project?.root,
      mask,
      onError,
      tellClient: this.#options.tellClient ?? (() => false),
      pathOf: (file) => this.#options.names?.toPath(file),
      desired: () => this.#breakpoints.desired,
      rightsOf: (member, now) => this.rightsOf(member, now),
      mayRunCode: (member, now) => this.rightsOf(member, now).has('evaluate') && permitsProbes(member, now),
      nameOf: (member) => replica.control.members.get(member)?.name ?? `member ${member}`,
      writeRegister: (key, value) => this.#registers.write(key, value),
      ...this.#tellers,
      onPause: (pause) => this.#tellers.onPause(target.id, pause),
      onOutput: (lines) => this.events.emit('output', { lines }),
      onHits: (hits) => this.events.emit('hits', { hits }),
      snapshots: () => this.snapshots,
    });
  }

  #onChange({ document, author, keys, local }: Change): void {
    if (isBreakpointDocument(document)) return this.#breakpoints.reread();
    if (local || document !== `host/${author}`) return;
    for (const key of keys ?? []) this.#known.registerChanged(author, key);
  }
}
