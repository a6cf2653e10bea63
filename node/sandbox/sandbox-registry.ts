/**
 * The sandboxes of this daemon: which are open, which folder is bound to which, and how one is opened, founded,
 * joined and left. What happens inside an open one is running-sandbox.ts.
 */

import { join } from 'node:path';
import type { Crypto } from '#protocol/crypto.ts';
import { parseLink } from '#protocol/link.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { roleHolds } from '#shared/rights.ts';
import type { Project } from '../engine/source/project.ts';
import { findProject, isSameProject } from '../engine/source/project-identity.ts';
import { SourceMaps } from '../engine/source/source-map.ts';
import type { JoinDecision, JoinRequest } from '../network/join-desk.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import type { AuditTrail } from '../security/audit/audit-trail.ts';
import type { HostPolicy } from '../security/host-policy.ts';
import { warnOfName } from '../security/member-identity.ts';
import type { ConfigStore } from '../storage/config.ts';
import type { Projects } from '../storage/projects.ts';
import { optimiseSoon } from '../v8-settings.ts';
import type { ClientEvents } from './client-events.ts';
import type { LocalRecord } from './local-record.ts';
import { writeLocalRecord } from './local-record.ts';
import { RunningSandbox } from './running-sandbox.ts';
import type { SandboxFolders, StoredSandbox } from './sandbox-folder.ts';
import { type JoinFromLink, SandboxJoiner } from './sandbox-joiner.ts';
import type { TopicHub } from './topic-hub.ts';

/** A sandbox of this home that is in the way of itself. */
export interface UnopenedSandbox {
  readonly id: SandboxId;
  readonly why: string;
}

export interface SandboxRegistryOptions {
  readonly folders: SandboxFolders;
  readonly projects: Projects;
  readonly config: ConfigStore;
  readonly network: PeerNetwork;
  readonly crypto: Crypto;
  readonly hub: TopicHub;
  readonly clientEvents: ClientEvents;
  readonly hostPolicy: HostPolicy;
  readonly trail: AuditTrail;
  readonly onError: (error: unknown) => void;
  readonly onActivity: () => void;
}

export class SandboxRegistry {
  readonly #options: SandboxRegistryOptions;
  readonly #open = new Map<SandboxId, Promise<RunningSandbox>>();
  readonly #running = new Map<SandboxId, RunningSandbox>();
  readonly #joiner: SandboxJoiner;
  readonly #maps = new SourceMaps();
  readonly #off: (() => void)[] = [];

  constructor(options: SandboxRegistryOptions) {
    this.#options = options;
    this.#joiner = new SandboxJoiner({
      ...options,
      get: (sandbox) => this.get(sandbox),
      leave: (sandbox) => this.leave(sandbox),
      open: (stored, known) => this.#remember(stored.replica.sandbox, this.#run(stored, undefined, known)),
    });
    const { events } = options.network;
    this.#off.push(
      events.on('peer', ({ sandbox, member, connected }) => this.#running.get(sandbox)?.setOnline(member, connected)),
      events.on('broadcast', ({ sandbox, member, topic, event }) => {
        this.#running.get(sandbox)?.accept(member, topic, event);
      }),
    );
  }

  /** Those open now. */
  running(): readonly RunningSandbox[] {
    return [...this.#running.values()];
  }

  /** Every sandbox of this home that can be opened, opened; what keeps the others from it is told to `onError`, too. */
  async all(): Promise<{ opened: readonly RunningSandbox[]; unopened: readonly UnopenedSandbox[] }> {
    const ids = this.#options.folders.list();
    const outcomes = await Promise.allSettled(ids.map((id) => this.get(id)));
    const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const unopened = outcomes.flatMap((outcome, i) => {
      if (outcome.status === 'fulfilled') return [];
      this.#options.onError(outcome.reason);
      return [{ id: ids[i] as SandboxId, why: SandboxError.from(outcome.reason).message }];
    });
    return { opened, unopened };
  }

  /** Opens it if need be. @throws {SandboxError} SANDBOX_UNKNOWN, STORAGE_CORRUPT */
  get(id: SandboxId): Promise<RunningSandbox> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const opening = this.#options.folders.open(id).then(async (stored) => {
      const { folder } = stored.record;
      if ((stored.damagedBytes ?? 0) > 0) this.#options.onError(rotted(id, stored.damagedBytes ?? 0));
      return this.#run(stored, folder === undefined ? undefined : await this.#projectIn(folder));
    });
    return this.#remember(id, opening);
  }

  /**
   * The sandbox a request means: named, or bound to the folder's project, or the only one of this home.
   *
   * @throws {SandboxError} SANDBOX_UNKNOWN, saying how to name one
   */
  async resolve(id: SandboxId | undefined, folder: string | undefined): Promise<RunningSandbox> {
    if (id !== undefined) return this.get(id);
    const here = folder === undefined ? undefined : this.#openAt(folder);
    if (here !== undefined) return here;
    const project = folder === undefined ? undefined : await this.#projectIn(folder);
    const bound = project === undefined ? undefined : this.#options.projects.sandboxOf(project);
    if (bound !== undefined && this.#options.folders.list().includes(bound)) return this.get(bound);
    const [only, ...more] = this.#options.folders.list();
    if (only !== undefined && more.length === 0) return this.get(only);
    if (only === undefined) {
      throw new SandboxError('SANDBOX_UNKNOWN', 'Cannot tell which sandbox is meant: there is none yet', {
        hint: 'Start one with "sandmesh run -- node app.js", or join one with "sandmesh join <link>".',
      });
    }
    throw new SandboxError('SANDBOX_UNKNOWN', `Cannot tell which of ${more.length + 1} sandboxes is meant`, {
      hint: 'Go to the folder of the project, or name one with --sandbox (see "sandmesh status").',
    });
  }

  /** The sandbox bound to a folder's project, founded the first time. */
  async openFolder(folder: string, isPrivate: boolean): Promise<RunningSandbox> {
    const project = await findProject(folder);
    const { projects, folders, config } = this.#options;
    const bound = projects.sandboxOf(project);
    if (bound !== undefined && folders.list().includes(bound)) {
      projects.bind(project.id, bound, project.root, project);
      const sandbox = await this.get(bound);
      if (sandbox.project?.root !== project.root) sandbox.bind(project);
      await this.#setPrivate(sandbox, isPrivate);
      return sandbox;
    }
    const stored = await folders.found(project.name, config.get('name'), project.root);
    projects.bind(project.id, stored.replica.sandbox, project.root, project);
    const record: LocalRecord = { ...stored.record, reach: isPrivate ? 'private' : config.get('network.reach') };
    writeLocalRecord(folders.path(stored.replica.sandbox), record);
    return this.#remember(stored.replica.sandbox, this.#run({ ...stored, record }, project));
  }

  /** One this device is a member of, whatever folder is bound to it. @throws {SandboxError} SANDBOX_UNKNOWN */
  async openKnown(id: SandboxId, isPrivate: boolean): Promise<RunningSandbox> {
    const sandbox = await this.get(id);
    await this.#setPrivate(sandbox, isPrivate);
    return sandbox;
  }

  /** Who can reach it from now on; remembered. */
  async setReach(sandbox: RunningSandbox, reach: LocalRecord['reach']): Promise<void> {
    if (sandbox.reach === reach) return;
    const wasPrivate = sandbox.reach === 'private';
    sandbox.reach = reach;
    this.store(sandbox, { ...sandbox.record, reach });
    const { network } = this.#options;
    if (reach === 'private') network.closeSandbox(sandbox.id);
    else if (wasPrivate) await this.#connect(sandbox, []);
    await this.#followReach();
  }

  #setPrivate(sandbox: RunningSandbox, isPrivate: boolean): Promise<void> {
    return this.setReach(sandbox, isPrivate ? 'private' : sandbox.reach === 'private' ? 'loopback' : sandbox.reach);
  }

  /** Replaces what this machine remembers of it. */
  store(sandbox: RunningSandbox, record: LocalRecord): void {
    writeLocalRecord(this.#options.folders.path(sandbox.id), record);
    sandbox.record = record;
  }

  /**
   * Joins by a link, or opens the sandbox when this device is a member already.
   *
   * @returns the sandbox and whether `folder` is a checkout of its project, bound to it now
   * @throws {SandboxError} BAD_LINK, and what joining throws
   */
  async join(request: JoinFromLink): Promise<{ sandbox: RunningSandbox; bound: boolean }> {
    const sandbox = await this.#joiner.join(parseLink(request.link, this.#options.crypto), request);
    const bound = request.folder === undefined ? false : await this.#bindIfSame(sandbox, request.folder);
    return { sandbox, bound };
  }

  /** Opens a sandbox whose folder was just put in place, bound to `folder` when that is a checkout of its project. */
  async openImported(id: SandboxId, folder: string | undefined): Promise<RunningSandbox> {
    const sandbox = await this.get(id);
    if (folder !== undefined) await this.#bindIfSame(sandbox, folder);
    return sandbox;
  }

  /** Detaches its targets and forgets it on this machine. @param kept it was archived */
  async leave(sandbox: RunningSandbox, kept = false): Promise<void> {
    const { network, folders, projects } = this.#options;
    await sandbox.engine.stop();
    await sandbox.replica.flush();
    network.closeSandbox(sandbox.id, 'left the sandbox');
    await sandbox.stop();
    this.#open.delete(sandbox.id);
    this.#running.delete(sandbox.id);
    projects.unbind(sandbox.id);
    await folders.remove(sandbox.id, { kept });
    await this.#followReach();
  }

  async stop(): Promise<void> {
    for (const off of this.#off.splice(0)) off();
    for (const sandbox of this.running()) this.#options.network.closeSandbox(sandbox.id, 'the daemon stops');
    await Promise.allSettled(this.running().map((sandbox) => sandbox.stop()));
    this.#open.clear();
    this.#running.clear();
  }

  async #bindIfSame(sandbox: RunningSandbox, folder: string): Promise<boolean> {
    const project = await this.#projectIn(folder);
    if (project === undefined) return false;
    const { replica } = sandbox;
    const isSame = [...replica.control.members.keys()].some((member) => {
      const described = replica.registers('host', member).get('project') as Partial<Project> | undefined;
      return typeof described?.id === 'string' && isSameProject(project, described as Project);
    });
    if (!isSame) return false;
    this.#options.projects.bind(project.id, sandbox.id, project.root, project);
    this.store(sandbox, { ...sandbox.record, folder: project.root });
    sandbox.bind(project);
    return true;
  }

  /**
   * The one open sandbox of the project whose root a folder is. Telling a project by its files takes 0.6 ms, which a
   * program that waits for its resume would feel.
   */
  #openAt(folder: string): RunningSandbox | undefined {
    const [only, ...more] = this.running().filter(({ project }) => project?.root === folder);
    return more.length === 0 ? only : undefined;
  }

  /** @returns undefined for a folder that is gone or unreadable */
  async #projectIn(folder: string): Promise<Project | undefined> {
    try {
      return await findProject(folder);
    } catch (error) {
      if (error instanceof SandboxError) return undefined;
      throw error;
    }
  }

  #remember(id: SandboxId, opening: Promise<RunningSandbox>): Promise<RunningSandbox> {
    this.#open.set(id, opening);
    opening.catch(() => this.#open.delete(id));
    return opening;
  }

  async #run(
    { replica, record }: StoredSandbox,
    project: Project | undefined,
    known: readonly { readonly key: Uint8Array; readonly addresses: readonly string[] }[] = [],
  ): Promise<RunningSandbox> {
    const { folders, network, hub, clientEvents, hostPolicy, trail, config, onError, onActivity } = this.#options;
    // The first edit: what runs from here on runs often.
    void replica.events.next('change').then(optimiseSoon);
    const sandbox = new RunningSandbox({
      replica,
      record,
      folder: folders.path(replica.sandbox),
      project,
      network,
      hub,
      clientEvents,
      hostPolicy,
      trail,
      maps: this.#maps,
      limits: {
        leaseIdleMs: config.get('debug.leaseIdleMs'),
        leaseTurnMs: config.get('debug.leaseTurnMs'),
        pauseLimitMs: config.get('debug.pauseLimitMs'),
      },
      keptSnapshots: config.get('snapshots.kept'),
      onError,
      onActivity,
    });
    this.#running.set(sandbox.id, sandbox);
    try {
      sandbox.start();
      // Before it connects: this may be what starts the network.
      await this.#followReach();
      if (sandbox.reach !== 'private') await this.#connect(sandbox, known);
      return sandbox;
    } catch (error) {
      // Half open it would keep its files locked: whoever tries again must find it closed.
      this.#running.delete(sandbox.id);
      network.closeSandbox(sandbox.id);
      await sandbox.stop();
      throw error;
    }
  }

  async #connect(
    sandbox: RunningSandbox,
    known: readonly { key: Uint8Array; addresses: readonly string[] }[],
  ): Promise<void> {
    const { network, folders } = this.#options;
    // Whoever does not decide about a joiner carries its request to the one who does.
    const door = { approve: (request: JoinRequest, signal: AbortSignal) => this.#approve(sandbox, request, signal) };
    await network.openSandbox(sandbox.replica, {
      addressFile: join(folders.path(sandbox.id), 'addresses.json'),
      known,
      door,
    });
    await network.start();
  }

  /**
   * The widest reach of any sandbox is the daemon's, open or not: moving the network when a shared one opens after
   * others would cut what has just connected.
   */
  async #followReach(): Promise<void> {
    const { folders, network } = this.#options;
    const reaches = folders.list().map((id) => this.#running.get(id)?.reach ?? folders.reach(id));
    await network.setReach(reaches.includes('lan') ? 'lan' : 'loopback');
  }

  async #approve(sandbox: RunningSandbox, request: JoinRequest, moot: AbortSignal): Promise<JoinDecision> {
    const { invite, fingerprint, name } = request;
    const folder = sandbox.project?.root ?? 'the project';
    const may = roleHolds(invite.role, 'evaluate')
      ? `reads your source under ${folder}, sets breakpoints, pauses and steps your program; running code in it asks you again`
      : `reads your source under ${folder}`;
    const warning = warnOfName(sandbox.replica.control, name, request.deviceKey);
    const details = { kind: 'join' as const, name, fingerprint, role: invite.role };
    const decision = await sandbox.requests.ask(
      `join ${Buffer.from(request.deviceKey).toString('hex')}`,
      { ...details, stake: `Joins as ${invite.role}: ${may}.`, ...(warning === undefined ? {} : { warning }) },
      { moot, lifetimeMs: invite.expiresAt - Date.now(), carriedOut: request.admitted },
    );
    return decision.approved ? { approved: true, role: decision.role ?? invite.role } : { approved: false };
  }
}

function rotted(id: SandboxId, bytes: number): SandboxError {
  return new SandboxError(
    'STORAGE_CORRUPT',
    `${bytes} bytes of the log of sandbox ${id.slice(0, 8)} were damaged and are set aside in "sandbox.log.damaged"`,
    { hint: 'What other members have comes back from them. Check the disk.' },
  );
}
