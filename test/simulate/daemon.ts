/**
 * An honest daemon: its home, its process with the real replica in it, and what it promised. It starts, dies, and is
 * judged each time it comes back.
 */

import type * as Y from 'yjs';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import type { ReplicaEnvironment } from '#node/network/replication/environment.ts';
import { openJoined, openSandbox } from '#node/network/replication/open-replica.ts';
import type { Change, ControlAuthority, ReplicationLink } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { ControlSigner, EntryBody } from '#protocol/control-entry.ts';
import type { ControlHead } from '#protocol/control-log.ts';
import type { Signer } from '#protocol/crypto.ts';
import { chainKey } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';
import { ControlKeys } from './control-keys.ts';
import { DECIDING, EDITING, EDITING_ROTTEN, isExpected, text } from './expected-errors.ts';
import { heldBy } from './holdings.ts';
import { type HomeCopy, OpenFolder, SimulatedHome } from './home.ts';
import { checkPosition } from './invariants.ts';
import { Life } from './life.ts';
import type { Endpoint } from './network.ts';
import { Promises } from './promises.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Simulated clocks begin here. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Something a daemon told its user is safe. */
export interface Acknowledged {
  readonly daemon: Daemon;
  readonly chain: string;
  readonly seq: number;
  readonly atMs: number;
  /** Once its own disk was damaged: who has held it ever since. */
  holders: ReadonlySet<Daemon> | undefined;
}

interface PendingEdit {
  readonly document: DocumentName;
  chain: string;
  seq: number;
}

/** A value this daemon gave its own record, and the envelope that carries it. */
export interface OwnWrite {
  readonly key: string;
  readonly value: number;
  readonly pending: { readonly chain: string; readonly seq: number };
}

export class Daemon implements Endpoint {
  readonly name: string;
  readonly signer: Signer;
  readonly home = new SimulatedHome();
  /** Values of its own record, in the order it wrote them. */
  readonly ownWrites: OwnWrite[] = [];
  readonly #world: World;
  readonly #random: Random;
  readonly #keys: ControlKeys;
  readonly #promises: Promises;
  #life: Life | undefined;
  #replica: SandboxReplica | undefined;
  #starts = 0;
  /** It has opened the sandbox once. */
  #settled = false;
  #clockOffsetMs = 0;
  #pending: PendingEdit[] = [];
  /** Since it opened the sandbox a member has shown it what it has, or there was none who could. */
  #hasMet = false;
  /** How often it told its user that it signed all the same. */
  #warnings = 0;

  constructor(world: World, name: string, signer: Signer, controlSigner?: ControlSigner) {
    this.#world = world;
    this.name = name;
    this.signer = signer;
    this.#keys = new ControlKeys(world, controlSigner);
    this.#promises = new Promises(world, this);
    this.#random = world.random.fork(`daemon ${name}`);
  }

  get publicKey(): Uint8Array {
    return this.signer.publicKey;
  }
  /** The replica, while the process runs and has opened it. */
  get replica(): SandboxReplica | undefined {
    return this.#life?.alive === true ? this.#replica : undefined;
  }
  get up(): boolean {
    return this.#life?.alive === true;
  }
  get process(): object | undefined {
    return this.replica === undefined ? undefined : this.#life;
  }
  get member(): MemberId | undefined {
    return this.#world.memberOf(this.publicKey);
  }

  sends(message?: Uint8Array): boolean {
    const goes = this.#life?.effect() ?? false;
    if (goes && message?.[0] === 6) this.#promises.sent(message);
    return goes;
  }

  accept(link: ReplicationLink): void {
    this.replica?.connect(link);
  }

  /** Starts the process: `open` brings the replica to life on its disk. */
  start(open?: (options: OpenParts) => Promise<SandboxReplica>): void {
    if (this.up) return;
    // A join that did not come to its end left nothing to open.
    if (open === undefined && !this.#settled) return this.rejoin();
    const life = new Life(`${this.name}.${++this.#starts}`, () => this.#fell('kill'));
    this.#life = life;
    this.#replica = undefined;
    this.#pending = [];
    this.#promises.started();
    const random = this.#random.fork(`start ${this.#starts}`);
    const folder = new OpenFolder(this.home, '', life, this.#world.scheduler, random.fork('disk'));
    const environment = this.#environment(life, random);
    const parts = {
      environment,
      folder,
      file: folder.open(LOG_NAME),
      deviceSigner: this.signer,
      ...this.#keys.part(),
    };
    (open ?? ((whole: OpenParts) => this.#reopen(whole)))(parts).then(
      (replica) => {
        if (life.alive) this.#opened(replica, life);
      },
      (error: unknown) => {
        if (life.alive) this.#unopened(error);
      },
    );
  }

  /** Takes the key of a control log of its own along from now on. */
  keepLog(signer: ControlSigner): void {
    this.#keys.keepLog(signer, this.replica);
  }

  get controlSigner(): ControlSigner | undefined {
    return this.#keys.owner;
  }

  /** The recovery key speaks at this home of the owner, where the next control key lies already. */
  async rotate(body: EntryBody<'rotate'>, recovery: ControlSigner, after: ControlHead | undefined): Promise<void> {
    const life = this.#life;
    try {
      await this.replica?.rotate(body, this.#keys.noting(recovery), after);
    } catch (error) {
      const promised = this.replica?.controlLog.state.recoveryHash;
      const used = toHex(this.#world.crypto.sha256(recovery.publicKey)) !== promised;
      // Somebody used that key meanwhile: it has done its work.
      if (life?.alive === true && !used && !isExpected(error, DECIDING))
        this.#world.fail('decision', `${this.name} cannot recover: ${text(error)}`);
    }
  }

  /** Puts a home in place that was opened before, elsewhere. */
  settle(copy: HomeCopy): void {
    this.home.replace(copy);
    this.#settled = true;
  }

  /** Ends the process in good order. */
  async stop(): Promise<void> {
    const { replica } = this;
    const life = this.#life;
    if (replica === undefined || life === undefined) return;
    await replica.stop();
    if (!life.alive) return;
    this.#promises.ended(replica, 'stop');
    life.end();
    this.#world.network.drop(this);
  }

  /** The process dies at once; with it, perhaps, the machine. */
  crash(how: 'kill' | 'power'): void {
    const life = this.#life;
    if (life === undefined || !life.alive) return;
    life.end();
    this.#fell(how);
  }

  /** The process will be killed between two of its coming effects on the world. */
  killSoon(effects: number): void {
    this.#life?.light(effects);
  }

  jumpClock(ms: number): void {
    this.#clockOffsetMs += ms;
  }

  /** Edits a document; what it was promised is remembered. @returns which envelope will carry it, once known */
  edit(document: DocumentName, change: Parameters<SandboxReplica['edit']>[1]): PendingEdit | undefined {
    let changed = false;
    const pending = this.#write(document, (replica) => {
      const doc = replica.document(document);
      const note = ({ beforeState, afterState, deleteSet }: Y.Transaction): void => {
        changed ||= deleteSet.clients.size > 0 || afterState.get(doc.clientID) !== beforeState.get(doc.clientID);
      };
      doc.on('beforeObserverCalls', note);
      const done = replica.edit(document, change);
      doc.off('beforeObserverCalls', note);
      return done;
    });
    // One that changed nothing is in no envelope: it must not be taken for one that the next edit makes.
    if (!changed) this.#pending = this.#pending.filter((other) => other !== pending);
    return pending;
  }

  writeRegister(kind: 'host' | 'notes', key: string, value: unknown): void {
    const { replica } = this;
    if (replica === undefined) return;
    this.#write(`${kind}/${replica.self}`, () => replica.writeRegister(kind, key, value));
  }

  /** Has the owner decide something. */
  decide(what: string, decision: (authority: ControlAuthority) => Promise<unknown>, done?: () => void): void {
    const { replica } = this;
    const life = this.#life;
    const authority = replica?.authority;
    if (replica === undefined || life === undefined || authority === undefined) return;
    const held = heldBy(replica);
    const before = new Set(replica.controlEntries());
    const warnings = this.#warnings;
    decision(authority).then(
      () => {
        if (!life.alive) return;
        const news = replica.controlEntries().filter((entry) => !before.has(entry));
        // Others' entries may have come meanwhile.
        const own = news.filter((entry) => this.#keys.haveSigned(entry));
        this.#promises.judgeDecision(own, held);
        if (news.length > 0 && !this.#hasMet && this.#warnings === warnings)
          this.#world.fail('authority', `${this.name} did ${what} without a word of what others may have`);
        this.#promises.acknowledgeEntries(replica.controlEntries());
        this.#world.decided(replica.controlEntries());
        done?.();
      },
      (error: unknown) => {
        if (life.alive && !isExpected(error, DECIDING))
          this.#world.fail('decision', `${this.name} cannot ${what}: ${text(error)}`);
      },
    );
  }

  /** Chain → seq of what this home holds for sure. */
  held(): ReadonlyMap<string, number> {
    const { replica } = this;
    return replica === undefined ? this.#promises.heldWhenDown : heldBy(replica);
  }

  /** Something synced is gone from the disk; the process is not running. */
  damaged(): void {
    this.#promises.damaged();
  }

  /** When its disk last lost something that had been synced; negative for never. */
  get damagedAtMs(): number {
    return this.#promises.damagedAtMs;
  }

  #fell(how: 'kill' | 'power'): void {
    this.#world.trace(`${this.name} dies of ${how}`);
    if (how === 'kill') {
      this.#promises.ended(this.#replica, 'kill');
    } else {
      this.#promises.lostPower();
      this.home.cutPower(this.#random);
    }
    this.#world.network.drop(this);
  }

  #environment(life: Life, random: Random): ReplicaEnvironment {
    const { scheduler, crypto } = this.#world;
    const later = (ms: number, task: () => void): (() => void) =>
      scheduler.after(ms, '', () => {
        if (life.alive) task();
      });
    const entropy = random.fork('entropy');
    const pace = random.fork('pace');
    return {
      crypto,
      now: () => Math.floor(EPOCH_MS + scheduler.now + this.#clockOffsetMs),
      random: (bytes) => entropy.bytes(bytes),
      defer: (task) => void later(pace.skewed(0.01, 3), task),
      after: (ms, task) => later(ms * pace.between(1, 1.1), task),
    };
  }

  async #reopen(parts: OpenParts): Promise<SandboxReplica> {
    const { replica } = await openSandbox({ ...parts, sandbox: this.#world.sandbox });
    return replica;
  }

  #opened(replica: SandboxReplica, life: Life): void {
    this.#replica = replica;
    this.#settled = true;
    this.#keys.follow(replica);
    this.#world.trace(`${life.name} is open, ${replica.heads().length} chains, control ${replica.control.seq}`);
    replica.events.on('change', (change) => this.#noticed(change, replica));
    const { members, invites } = replica.controlLog.state;
    this.#hasMet = members.size === 1 && invites.size === 0;
    replica.events.on('peer', ({ connected }) => {
      this.#hasMet ||= connected;
    });
    replica.events.on('unlevelled', () => {
      this.#warnings += 1;
    });
    replica.events.on('control', () => {
      this.#world.decided(replica.controlEntries());
      checkPosition(this.#world, this.name, replica);
    });
    this.#promises.judgeReturn(replica);
    this.#world.excuseLost();
  }

  /** A home that rotted cannot always be opened: its user joins again with the same device. */
  #unopened(error: unknown): void {
    this.#life?.end();
    if (this.damagedAtMs < 0) return this.#world.fail('opening', `${this.name} cannot open: ${text(error)}`);
    this.#world.trace(`${this.name} cannot open its damaged home: ${text(error)}`);
    this.rejoin();
  }

  /** Starts from nothing, with what another member hands out. */
  rejoin(): void {
    if (this.up) return;
    const source = this.#world.admitterFor(this);
    this.home.replace(new Map());
    if (source === undefined) {
      const starts = this.#starts;
      // What it has joined meanwhile, by another's hand, is its home.
      const again = (): void => (this.#starts === starts ? this.rejoin() : undefined);
      this.#world.scheduler.after(500, `${this.name} finds nobody to join`, again);
      return;
    }
    const { entries, founding } = source;
    this.start((parts) => openJoined({ ...parts, entries, founding }));
  }

  #write(document: DocumentName, write: (replica: SandboxReplica) => Promise<void>): PendingEdit | undefined {
    const { replica } = this;
    const life = this.#life;
    if (replica === undefined || life === undefined) return undefined;
    const pending: PendingEdit = { document, chain: '', seq: 0 };
    this.#pending.push(pending);
    write(replica).then(
      () => {
        if (!life.alive) return;
        this.#pending = this.#pending.filter((other) => other !== pending);
        if (pending.seq > 0) this.#acknowledge(pending);
      },
      (error: unknown) => {
        if (!life.alive) return;
        this.#pending = this.#pending.filter((other) => other !== pending);
        // What a damaged log lost may be what its next edit stands on: until another has brought it.
        if (!isExpected(error, this.home.hasRotted ? EDITING_ROTTEN : EDITING))
          this.#world.fail('edit', `${this.name} cannot edit ${document}: ${text(error)}`);
      },
    );
    return pending;
  }

  #acknowledge({ chain, seq }: PendingEdit): void {
    this.#world.acknowledged.push({ daemon: this, chain, seq, atMs: this.#world.scheduler.now, holders: undefined });
  }

  #noticed(change: Change, replica: SandboxReplica): void {
    if (!change.local) return;
    const { member, incarnation, seq } = change.envelope;
    const position = replica.chains.get(member, incarnation)?.positionAt(seq);
    const bytes = position === undefined ? undefined : replica.envelopeBytes(position);
    if (bytes !== undefined) this.#world.registry.add(bytes, this.name);
    for (const pending of this.#pending) {
      if (pending.document !== change.document || pending.seq > 0) continue;
      pending.chain = chainKey(member, incarnation);
      pending.seq = seq;
    }
  }
}

type OpenParts = Omit<Parameters<typeof openSandbox>[0], 'sandbox'>;
