/**
 * The snapshots of one sandbox: takes those of the programs hosted here and keeps the latest of them, and opens
 * everybody's, with the content fetched from whichever member has it.
 */

import { randomBytes } from 'node:crypto';
import type { TopicEvent } from '#protocol/topics.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfSnapshot, type MemberId, type SnapshotId, type TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { Snapshot, SnapshotCause, SnapshotContent } from '#shared/model/snapshot.ts';
import type { Target } from '#shared/model/target.ts';
import type { Replica, SharedBlobsView } from '../../network/replication/replica-interface.ts';
import type { DebugEngine } from '../debug/debug-engine.ts';
import type { Mask } from '../debug/inspection/preview.ts';
import type { CaptureLimits } from '../debug/inspection-tool/answers.ts';
import type { CallFrames } from '../debug/stops/glance.ts';
import type { PassedStop } from '../debug/stops/snapshot-taker.ts';
import type { HostedTarget } from '../debug/targets/hosted-target.ts';
import { systemTimers, type Timers } from '../debug/timers.ts';
import { SnapshotAllowance } from './allowance.ts';
import { type Captured, capture, captureOf, GLANCE_LIMITS, HIT_LIMITS, PAUSE_LIMITS } from './capture.ts';
import { withCurrentScopes } from './current-scopes.ts';
import { excerptsOf } from './excerpts.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-blob.ts';
import { parseSnapshotKey, readSnapshot, snapshotKey, snapshotsOf } from './snapshot-index.ts';

export interface SnapshotsOptions {
  readonly replica: Replica;
  readonly engine: DebugEngine;
  /** Kept of this host's programs; 0 takes none of a pause. */
  readonly kept: number;
  readonly mask: Mask;
  /** Whether this host's policy lets members look into the target: a snapshot is for all of them. */
  sharesValues(target: Target): boolean;
  onError(error: unknown): void;
  readonly timers?: Timers;
  /** What reading the values may take, in place of the usual. */
  readonly limits?: CaptureLimits;
}

/** Of one stop, not stored yet. */
export interface Moment {
  readonly pause: Pause;
  readonly cause: SnapshotCause;
  readonly by?: MemberId;
  readonly label?: string | undefined;
  readonly captured: Captured | undefined;
  /** Why there are no values. */
  readonly why?: string;
  readonly passedOver?: number;
}

/** Contents of others that are had beforehand, so that they are here when their host is not: the latest of each. */
const PREFETCHED_PER_HOST = 20;
const MAX_PREFETCHED_BYTES = 256 * 1024;

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly events = new Emitter<{ snapshots: TopicEvent<'snapshots'> }>();
  readonly #off: (() => void)[] = [];
  #latest: { readonly id: SnapshotId; readonly content: SnapshotContent } | undefined;
  readonly #allowance: SnapshotAllowance;
  #storing: Promise<unknown> = Promise.resolve();
  #prefetching = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#allowance = new SnapshotAllowance(options.timers ?? systemTimers);
  }

  start(): void {
    const { replica, engine } = this.#options;
    engine.snapshots = {
      limitsOf: ({ view }) => (this.#options.sharesValues(view) ? (this.#options.limits ?? HIT_LIMITS) : undefined),
      take: (hosted, stop) => this.#takeHit(hosted, stop),
    };
    this.#off.push(
      () => {
        engine.snapshots = undefined;
      },
      replica.events.on('change', ({ document, author, keys, local }) => {
        if (document !== `host/${author}`) return;
        const changed = (keys ?? []).flatMap((key) => parseSnapshotKey(author, key) ?? []);
        for (const id of changed) {
          this.events.emit('snapshots', { snapshot: id, view: readSnapshot(replica, id) ?? null });
        }
        if (changed.length > 0 && !local) this.#prefetch();
      }),
      replica.events.on('peer', ({ connected }) => {
        if (connected) this.#prefetch();
      }),
    );
  }

  /** Resolves when what was taken is stored. */
  async stop(): Promise<void> {
    for (const off of this.#off.splice(0)) off();
    await this.#storing;
    this.events.removeAll();
  }

  /** Everybody's, the latest first. */
  list(target?: TargetId): Snapshot[] {
    const { replica } = this.#options;
    const all = [...replica.control.members.keys()].flatMap((member) => snapshotsOf(replica, member));
    const wanted = target === undefined ? all : all.filter((snapshot) => snapshot.target === target);
    return wanted.sort((a, b) => b.at - a.at);
  }

  /** @throws {SandboxError} SNAPSHOT_UNKNOWN */
  find(id: SnapshotId): Snapshot {
    const found = readSnapshot(this.#options.replica, id);
    if (found !== undefined) return found;
    throw new SandboxError('SNAPSHOT_UNKNOWN', `Cannot find the snapshot "${id}"`, {
      hint: 'List them with "sandmesh snapshot list"; the oldest make room for new ones.',
    });
  }

  /** @throws {SandboxError} SNAPSHOT_UNKNOWN, PEER_UNREACHABLE when nobody who has the content is here, STORAGE_CORRUPT */
  async open(id: SnapshotId): Promise<{ snapshot: Snapshot; content: SnapshotContent }> {
    const snapshot = this.find(id);
    if (this.#latest?.id === id) return { snapshot, content: this.#latest.content };
    const blobs = this.#blobs('open it');
    let bytes = blobs.read(snapshot.blob);
    if (bytes === undefined) {
      await blobs.fetch(snapshot.blob);
      bytes = blobs.read(snapshot.blob);
    }
    if (bytes === undefined) throw new SandboxError('STORAGE_CORRUPT', `Cannot read the snapshot "${id}"`);
    const content = decodeSnapshot(bytes);
    this.#latest = { id, content };
    return { snapshot, content };
  }

  /**
   * Captures a program of this host: at its present pause, or in a stop of milliseconds that nobody is told of.
   *
   * @throws {SandboxError} TARGET_GONE, NOT_PAUSED when it runs no code of its own, LIMIT_EXCEEDED
   */
  async take(target: TargetId, by: MemberId, label: string | undefined): Promise<Snapshot> {
    const hosted = this.#options.engine.hosted(target);
    const { session } = hosted;
    const tools = await session.tools();
    const shares = this.#options.sharesValues(hosted.view);
    const standing = hosted.pause;
    const { limits = standing === undefined ? GLANCE_LIMITS : PAUSE_LIMITS } = this.#options;
    const looked = await hosted.driving.glance(by, async (callFrames: CallFrames) => {
      // One that only passes here is read before anything else is asked of it: it is about to run on.
      const stands = session.pausedAt?.callFrames === callFrames;
      const { self } = this.#options.replica;
      const readOf = (frames: CallFrames) => capture(session, tools, frames, limits);
      const reads = () => (stands ? withCurrentScopes(session, callFrames, self).then(readOf) : readOf(callFrames));
      const reading = shares ? reads() : undefined;
      const failed = (error: unknown) => ({ why: SandboxError.from(error).message });
      return { callFrames, read: await reading?.then((render) => ({ render }), failed) };
    });
    const pause = standing ?? (await session.describe(looked.callFrames));
    const { read = { why: NOT_SHARED } } = looked;
    const values = 'render' in read ? { captured: read.render(this.#options.mask) } : { captured: undefined, ...read };
    return this.store({ pause, cause: 'command', by, label, ...values });
  }

  /**
   * A breakpoint that leaves a snapshot was hit: the values are asked for before this resolves, and stored later.
   *
   * @returns false when there were too many of late
   */
  async #takeHit(hosted: HostedTarget, { callFrames, breakpoints, looked }: PassedStop): Promise<boolean> {
    if (!this.#allowance.take()) return false;
    const { session } = hosted;
    const shares = this.#options.sharesValues(hosted.view);
    const { limits = HIT_LIMITS } = this.#options;
    const tools = await session.tools();
    const reads = async () => (looked === undefined ? capture(session, tools, callFrames, limits) : captureOf(looked));
    const failed = (error: unknown) => ({ why: SandboxError.from(error).message });
    const read = shares ? reads().then((render) => ({ render }), failed) : Promise.resolve({ why: NOT_SHARED });
    // Work of the daemon's own waits until the program has been let go.
    setImmediate(() => {
      this.#storeHit(() => session.describe(callFrames, breakpoints), read).catch(this.#options.onError);
    });
    return true;
  }

  async #storeHit(
    describe: () => Promise<Pause>,
    reading: Promise<{ render: (mask: Mask) => Captured } | { why: string }>,
  ): Promise<void> {
    const read = await reading;
    const values = 'render' in read ? { captured: read.render(this.#options.mask) } : { captured: undefined, ...read };
    const pause = await describe();
    const [first] = pause.hitBreakpoints;
    const by = first === undefined ? undefined : this.#options.engine.desired.get(first)?.writtenBy;
    const passedOver = this.#allowance.takePassedOver();
    await this.store({ pause, cause: 'breakpoint', ...(by === undefined ? {} : { by }), ...values, passedOver });
  }

  /** Reads the values of a pause that lasts. @returns undefined when it is over before they were read */
  async read(pause: Pause): Promise<{ captured: Captured } | { captured: undefined; why: string }> {
    const { limits = PAUSE_LIMITS } = this.#options;
    const hosted = this.#options.engine.hosted(pause.target);
    if (!this.#options.sharesValues(hosted.view)) return { captured: undefined, why: NOT_SHARED };
    try {
      const { session } = hosted;
      const tools = await session.tools();
      const callFrames = session.pausedAt?.pause.id === pause.id ? session.pausedAt.callFrames : undefined;
      if (callFrames === undefined) return { captured: undefined, why: RAN_ON };
      const current = await withCurrentScopes(session, callFrames, this.#options.replica.self);
      return { captured: (await capture(session, tools, current, limits))(this.#options.mask) };
    } catch (error) {
      // It ended, or ran on while it was read.
      return { captured: undefined, why: SandboxError.from(error).message.slice(0, 200) };
    }
  }

  /** Writes one down, tells everybody, and lets go of the oldest. One after the other. */
  store(moment: Moment): Promise<Snapshot> {
    const done = this.#storing.then(() => this.#store(moment));
    this.#storing = done.catch(() => undefined);
    return done;
  }

  /** @throws {SandboxError} SNAPSHOT_UNKNOWN, FORBIDDEN for another host's */
  async remove(id: SnapshotId): Promise<void> {
    const { replica } = this.#options;
    this.find(id);
    if (hostOfSnapshot(id) !== replica.self) {
      throw new SandboxError('FORBIDDEN', `Cannot remove the snapshot "${id}": another member's machine keeps it`, {
        hint: 'Its host can remove it.',
      });
    }
    await replica.writeRegister('host', snapshotKey(id), null);
    this.#sweep();
  }

  async #store({ pause, cause, by, label, captured, why, passedOver }: Moment): Promise<Snapshot> {
    const { replica, engine, kept } = this.#options;
    const excerpts = await excerptsOf(engine, pause);
    const { scopes = [], nodes = [] } = captured ?? {};
    const bytes = encodeSnapshot({ version: 1, pause, scopes, nodes, excerpts });
    const blob = await this.#blobs('keep it').put(bytes);
    const top = pause.frames.find(({ internal }) => internal !== true);
    const snapshot: Snapshot = {
      id: newSnapshotId(replica.self),
      target: pause.target,
      program: engine.target(pause.target)?.name ?? '',
      cause,
      ...(by === undefined ? {} : { by }),
      ...(label === undefined ? {} : { label }),
      reason: pause.reason,
      ...(top === undefined ? {} : { top: placeOf(top) }),
      frames: pause.totalFrames,
      values: captured === undefined ? 'none' : captured.cut ? 'part' : 'all',
      ...(why === undefined ? {} : { why: why.slice(0, 200) }),
      ...(passedOver === undefined || passedOver === 0 ? {} : { passedOver }),
      blob: blob as Snapshot['blob'],
      bytes: bytes.length,
      at: pause.at,
    };
    const written = replica.writeRegister('host', snapshotKey(snapshot.id), snapshot);
    const spare = snapshotsOf(replica, replica.self).slice(Math.max(1, kept));
    for (const { id } of spare) replica.writeRegister('host', snapshotKey(id), null).catch(this.#options.onError);
    await written;
    if (spare.length > 0) this.#sweep();
    return snapshot;
  }

  /** Blobs that no register names any more go. */
  #sweep(): void {
    const named = this.list().map(({ blob }) => blob);
    this.#options.replica.sharedBlobs?.keep(new Set(named));
  }

  /** A member that comes late, or stays when the host goes, finds them here. */
  #prefetch(): void {
    if (this.#prefetching) return;
    this.#prefetching = true;
    this.#fetchLatest()
      // Nobody here has it, or it takes too long: there is another occasion.
      .catch(() => undefined)
      .finally(() => {
        this.#prefetching = false;
      });
  }

  async #fetchLatest(): Promise<void> {
    const { replica } = this.#options;
    const { sharedBlobs } = replica;
    if (sharedBlobs === undefined) return;
    for (const member of replica.control.members.keys()) {
      if (member === replica.self) continue;
      for (const { blob, bytes } of snapshotsOf(replica, member).slice(0, PREFETCHED_PER_HOST)) {
        if (bytes <= MAX_PREFETCHED_BYTES) await sharedBlobs.fetch(blob);
      }
    }
    this.#sweep();
  }

  #blobs(action: string): SharedBlobsView {
    const { sharedBlobs } = this.#options.replica;
    if (sharedBlobs !== undefined) return sharedBlobs;
    throw new SandboxError('HOME_UNWRITABLE', `Cannot ${action}: this sandbox has no folder for snapshots`);
  }
}

export const RAN_ON = 'it ran on before its values were read';
const NOT_SHARED = 'policy keeps members from looking into this program';

function newSnapshotId(self: MemberId): SnapshotId {
  return `${self}.${Date.now().toString(36)}${randomBytes(4).toString('hex')}` as SnapshotId;
}

function placeOf({ functionName, file, line, column }: Pause['frames'][number]): NonNullable<Snapshot['top']> {
  return { functionName, line, column, ...(file === undefined ? {} : { file }) };
}
