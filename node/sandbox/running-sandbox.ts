/**
 * One open sandbox: its replica and debug engine, this person's consents and pending requests, who is here, and the
 * stream of events from all of them to local subscribers and to the other members.
 */

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { CDP_EVENTS } from '#protocol/catalogue/cdp-commands.ts';
import type { TopicEvent, TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type SandboxId, type TargetId } from '#shared/ids.ts';
import { carriesCode } from '#shared/model/breakpoint.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { Target } from '#shared/model/target.ts';
import { CONSENT_RIGHTS, type Right } from '#shared/rights.ts';
import { DebugEngine } from '../engine/debug/debug-engine.ts';
import type { EngineLimits } from '../engine/debug/engine-limits.ts';
import { HOST_TOPICS, type HostEvent, isHostTopic, targetsOfEvent } from '../engine/debug/published/host-broadcasts.ts';
import { systemTimers } from '../engine/debug/timers.ts';
import { PauseSnapshots } from '../engine/snapshots/pause-snapshots.ts';
import { Snapshots } from '../engine/snapshots/snapshots.ts';
import { createFileNames } from '../engine/source/file-names.ts';
import type { FileNames, Project } from '../engine/source/project.ts';
import { createScriptRegistry } from '../engine/source/script-registry.ts';
import type { SourceMaps } from '../engine/source/source-map.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import type { Change, CheckpointEvent } from '../network/replication/replica-interface.ts';
import type { SandboxReplica } from '../network/replication/sandbox-replica.ts';
import type { TargetChoice } from '../pipeline/resolve-target.ts';
import type { AuditTrail } from '../security/audit/audit-trail.ts';
import { auditEffects } from '../security/audit/effect-audit.ts';
import { memberHolds, raiseConsent } from '../security/authorize.ts';
import { Consents } from '../security/consent.ts';
import type { HostPolicy } from '../security/host-policy.ts';
import { maskValue } from '../security/masking.ts';
import { SandboxPolicy } from '../security/policy.ts';
import { createServedFiles } from '../security/served-files.ts';
import { isHarness } from '../targets/harness-files.ts';
import { chatLinesOf } from './chat.ts';
import type { ClientEvents } from './client-events.ts';
import { consentFile } from './consent-file.ts';
import { watchControlLogs } from './control-notices.ts';
import type { HostedSandbox, Reach } from './hosted-sandbox.ts';
import type { LocalRecord } from './local-record.ts';
import { MemberBroadcasts } from './member-broadcasts.ts';
import { MemberRates } from './member-rates.ts';
import { PresenceTable, viewMembers } from './member-view.ts';
import { NarrowedMembers } from './narrowed-members.ts';
import { PendingRequests } from './pending-requests.ts';
import { ToldMembers } from './told-members.ts';
import type { TopicHub } from './topic-hub.ts';

export interface RunningSandboxOptions {
  readonly replica: SandboxReplica;
  readonly record: LocalRecord;
  /** The sandbox's folder on disk. */
  readonly folder: string;
  readonly project: Project | undefined;
  readonly network: PeerNetwork;
  readonly hub: TopicHub;
  readonly clientEvents: ClientEvents;
  readonly hostPolicy: HostPolicy;
  readonly trail: AuditTrail;
  readonly maps: SourceMaps;
  readonly limits: Pick<EngineLimits, 'leaseIdleMs' | 'leaseTurnMs' | 'pauseLimitMs'>;
  /** Snapshots kept of this host's programs. */
  readonly keptSnapshots: number;
  readonly onError: (error: unknown) => void;
  /** A member came or went, a target appeared or ended: whether the daemon is needed may have changed. */
  readonly onActivity: () => void;
}

export class RunningSandbox implements HostedSandbox {
  readonly id: SandboxId;
  /** The sandbox's folder on disk. */
  readonly folder: string;
  readonly replica: SandboxReplica;
  readonly engine: DebugEngine;
  readonly snapshots: Snapshots;
  readonly consents: Consents;
  readonly policy: SandboxPolicy;
  readonly requests = new PendingRequests();
  readonly presence = new PresenceTable();
  readonly rates = new MemberRates();
  reach: Reach;
  record: LocalRecord;
  project: Project | undefined;
  names: FileNames | undefined;
  readonly #options: RunningSandboxOptions;
  readonly #off: (() => void)[] = [];
  readonly #narrowed = new NarrowedMembers();
  readonly #told = new ToldMembers();
  readonly #broadcasts: MemberBroadcasts;
  #online = new Set<MemberId>();

  constructor(options: RunningSandboxOptions) {
    const { replica, record, folder, project } = options;
    this.#options = options;
    this.id = replica.sandbox;
    this.folder = folder;
    this.replica = replica;
    this.record = record;
    this.reach = record.reach;
    this.project = project;
    this.names = project === undefined ? undefined : createFileNames(project.root);
    this.consents = new Consents(consentFile(join(folder, 'consents.json'), options.onError));
    this.policy = new SandboxPolicy({
      host: options.hostPolicy,
      control: () => replica.control,
      self: replica.self,
      consents: this.consents,
    });
    this.#broadcasts = new MemberBroadcasts(this.rates, {
      onTarget: (member, topic, event) => this.engine.accept(member, topic, event),
      onPresence: (presence) => {
        this.presence.set(presence);
        this.#publish('presence', { presence });
      },
      onLeftOut: (member) => {
        const name = replica.control.members.get(member)?.name ?? `member ${member}`;
        this.#publish('notices', {
          level: 'warn',
          text: `${name} sends more console than fits: lines are left out`,
          member,
        });
      },
    });
    this.#forgetNarrowed();
    const projectOf = () => this.project;
    const namesOf = () => this.names;
    this.engine = new DebugEngine({
      replica,
      // Read at each use: a checkout may be bound while the sandbox is open.
      get project() {
        return projectOf();
      },
      get names() {
        return namesOf();
      },
      createRegistry: ({ cdp, cwd }) => {
        const root = this.project?.root ?? realPath(cwd);
        const names = this.names ?? createFileNames(root);
        const served = createServedFiles(root);
        // Frames of the harness are shown like Node's.
        return createScriptRegistry({ cdp, names, served, maps: options.maps, isInternal: isHarness });
      },
      permits: (member, right, target) => this.#permits(member, right, target),
      permitsProbes: (member, target) => this.policy.permitsProbes(member, target),
      listSources: (target, match) => this.#listSources(target, match),
      mask: maskValue,
      tellClient: (member, message) =>
        member === replica.self
          ? options.clientEvents.deliver(this.id, member, message)
          : options.network.cast(this.id, member, CDP_EVENTS, message),
      onError: options.onError,
      limits: options.limits,
    });
    this.snapshots = new Snapshots({
      replica,
      engine: this.engine,
      kept: options.keptSnapshots,
      mask: maskValue,
      sharesValues: (target) => this.#sharesValues(target),
      onError: options.onError,
    });
  }

  /** This machine's checkout from now on. */
  bind(project: Project): void {
    this.project = project;
    this.names = createFileNames(project.root);
    this.#describeProject();
  }

  /** Starts the engine and the flow of events. */
  start(): void {
    this.#wire();
    this.engine.start();
    this.#keepSnapshots();
    this.#describeProject();
  }

  async stop(): Promise<void> {
    this.requests.stop();
    this.#broadcasts.stop();
    await this.engine.stop({ comesBack: true });
    for (const off of this.#off.splice(0)) off();
    await this.snapshots.stop();
    await this.replica.stop();
  }

  targetChoices(): readonly TargetChoice[] {
    return this.engine.targets().map((target) => ({
      target,
      pausedAt: this.engine.pauseOf(target.id)?.at,
      reachable: target.host === this.replica.self || this.#online.has(target.host),
    }));
  }

  target(id: TargetId): Target {
    const target = this.engine.target(id);
    if (target !== undefined) return target;
    throw new SandboxError('TARGET_UNKNOWN', `Cannot find the target "${id}" in this sandbox`, {
      hint: 'List them with "sandmesh targets".',
    });
  }

  /** Tells local subscribers and every connected member what this member looks at. */
  announcePresence(): void {
    const presence = this.presence.get(this.replica.self);
    if (presence === undefined) return;
    this.#publish('presence', { presence });
    this.#options.network.broadcast(this.id, 'presence', { presence });
  }

  /** A client of this daemon is gone, with whatever it looked at and held. */
  clientLeft(session: string): void {
    this.engine.closeClient(session);
    if (this.presence.leave(session)) this.announcePresence();
  }

  /** Takes in what another member's daemon broadcast; what it may not speak of is ignored. */
  accept(member: MemberId, topic: TopicName, event: unknown): void {
    this.presence.seen(member);
    this.#broadcasts.accept(member, topic, event);
  }

  /** A member's stream came or went. */
  setOnline(member: MemberId, online: boolean): void {
    if (online) this.#online.add(member);
    else this.#online.delete(member);
    if (!online) this.presence.drop(member);
    this.presence.seen(member);
    const record = this.replica.control.members.get(member);
    if (record === undefined) return;
    this.#tellMemberNews();
    const text = `${record.name} is ${online ? 'here' : 'away'}`;
    this.#publish('notices', { level: 'info', text, member });
    if (online) this.announcePresence();
    this.#options.onActivity();
  }

  #tellMemberNews(): void {
    for (const member of this.#told.news(viewMembers(this.replica, this.presence)))
      this.#publish('members', { member });
  }

  get online(): ReadonlySet<MemberId> {
    return this.#online;
  }

  #publish<T extends TopicName>(topic: T, event: TopicEvent<T>): void {
    this.#options.hub.publish(this.id, topic, event);
  }

  #wire(): void {
    const { engine, replica, requests, consents } = this;
    // Whoever subscribes asks for the members of now itself.
    this.#told.news(viewMembers(replica, this.presence));
    for (const topic of ['targets', 'pauses', 'breakpoints', 'leases', ...HOST_TOPICS] as const) {
      this.#off.push(engine.events.on(topic, (event) => this.#onEngine(topic, event)));
    }
    this.#off.push(
      requests.events.on('request', ({ request, outcome }) => this.#publish('requests', { request, outcome })),
      consents.events.on('changed', () => engine.recheckConsent()),
      this.#options.hostPolicy.events.on('changed', () => engine.recheckConsent()),
      auditEffects(this, this.#options.trail),
      replica.events.on('change', (change) => this.#onChange(change)),
      replica.events.on('checkpoint', (event) => this.#onCheckpoint(event)),
      watchControlLogs(replica, (text) => this.#publish('notices', { level: 'warn', text })),
      replica.events.on('control', () => {
        this.#forgetNarrowed();
        this.#tellMemberNews();
      }),
    );
  }

  #onEngine<T extends TopicName>(topic: T, event: TopicEvent<T>): void {
    this.#publish(topic, event);
    if (topic === 'targets') {
      this.#options.onActivity();
      this.#askForProbes();
    }
    if (topic === 'breakpoints') {
      const { view } = event as TopicEvent<'breakpoints'>;
      if (view !== null && carriesCode(view)) this.#askForProbes();
    }
    if (isHostTopic(topic)) this.#tellMembers({ topic, event } as HostEvent);
  }

  #tellMembers(told: HostEvent): void {
    const [target] = targetsOfEvent(told);
    // What other members told comes back from the engine as an event: it is not ours to send on.
    if (target === undefined || hostOfTarget(target) !== this.replica.self) return;
    const { network } = this.#options;
    network.broadcast(this.id, told.topic, told.event, (member) => this.engine.shownTo(member, told));
  }

  #onCheckpoint(event: CheckpointEvent): void {
    if (event.outcome === 'failed') return this.#options.onError(event.error);
    if (event.outcome !== 'differs') return;
    const where = event.documents.length === 0 ? '' : ` (${event.documents.slice(0, 3).join(', ')})`;
    const text = `Checkpoint ${event.blob.slice(0, 8)} is not what this machine has${where}: it is not used`;
    this.#publish('notices', { level: 'warn', text });
  }

  #onChange(change: Change): void {
    for (const line of chatLinesOf(change, this.replica)) {
      if (change.local || this.rates.take(change.author, 'chat')) this.#publish('chat', { line });
    }
  }

  /** A breakpoint with code runs what its author wrote: this host's person is asked once per member and program. */
  #askForProbes(): void {
    const { replica, consents, requests } = this;
    for (const { record, writtenBy: member } of this.engine.desired.values()) {
      if (!carriesCode(record) || member === replica.self) continue;
      if (!memberHolds(replica.control, member, 'evaluate')) continue;
      for (const target of this.engine.targets()) {
        if (target.host !== replica.self || target.state === 'exited' || target.state === 'detached') continue;
        if (consents.answer({ member, program: target.name, right: 'evaluate' }) !== 'ask') continue;
        const question = { right: 'evaluate' as const, member, self: replica.self, target };
        raiseConsent({ ...question, control: replica.control, consents, requests });
      }
    }
  }

  #forgetNarrowed(): void {
    for (const member of this.#narrowed.look(this.replica.control.members.values())) {
      this.requests.withdrawOf(member, (right) => memberHolds(this.replica.control, member, right));
      try {
        this.consents.forget(member);
      } catch (error) {
        // Forgotten here and now; what could not be written is looked at again when the sandbox is next opened.
        this.#options.onError(error);
      }
    }
  }

  #permits(member: MemberId, right: Right, target: Target): boolean {
    if (this.policy.isLent(member, right, target)) return true;
    if (!this.policy.permits(right, member, target)) return false;
    if (member === this.replica.self || !CONSENT_RIGHTS.has(right)) return true;
    return this.consents.answer({ member, program: target.name, right }) === 'allow';
  }

  /** A snapshot is stored and given to every member: what a look would be refused for is not in it. */
  #sharesValues(target: Target): boolean {
    try {
      const { verdict } = this.policy.rule('view', target);
      return verdict === 'allow' || verdict === 'audit';
    } catch (error) {
      // A policy file that cannot be read allows nothing.
      if (error instanceof SandboxError) return false;
      throw error;
    }
  }

  #keepSnapshots(): void {
    const { keptSnapshots, onError } = this.#options;
    const { engine, snapshots, replica } = this;
    snapshots.start();
    this.#off.push(snapshots.events.on('snapshots', (event) => this.#publish('snapshots', event)));
    if (keptSnapshots === 0) return;
    this.#off.push(new PauseSnapshots(engine, snapshots, { timers: systemTimers, onError }).start(replica.self));
  }

  async #listSources(target: Target, match: string): Promise<readonly SourceFile[]> {
    const args = { target: target.id, match };
    const result = await this.#options.network.call(this.id, target.host, 'source.list', args);
    return (result as { files: SourceFile[] }).files;
  }

  /** Tells members which project this is, so that a joiner's checkout can be recognised and bound. */
  #describeProject(): void {
    const { project, replica } = this;
    if (project === undefined) return;
    const description = {
      id: project.id,
      name: project.name,
      ...(project.originId === undefined ? {} : { originId: project.originId }),
    };
    const known = replica.registers('host', replica.self).get('project');
    if (JSON.stringify(known) === JSON.stringify(description)) return;
    replica.writeRegister('host', 'project', description).catch(this.#options.onError);
  }
}

/** Served files are judged by their real location, so their root must be one. */
function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    // Gone, or a process of another system: nothing below it can be served then.
    return folder;
  }
}
