/**
 * An honest daemon: its home, its process with the real replica in it, and what it promised. It starts, dies, and is
 * judged each time it comes back.
 */

import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import type { ReplicaEnvironment } from '#node/network/replication/environment.ts';
import { openJoined, openSandbox } from '#node/network/replication/open-replica.ts';
import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { ControlSigner } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { MemberId } from '#shared/ids.ts';
import { ControlKeys } from './control-keys.ts';
import { Decisions } from './decisions.ts';
import { Edits, type PendingEdit } from './edits.ts';
import { isExpected, NO_ROOM, text } from './expected-errors.ts';
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

/** A value this daemon gave its own record, and the envelope that carries it. */
export interface OwnWrite {
  readonly key: string;
  readonly value: number;
  readonly pending: Pick<PendingEdit, 'chain' | 'seq'>;
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
  #edits: Edits | undefined;
  #decisions: Decisions | undefined;
  #starts = 0;
  /** It has opened the sandbox once. */
  #settled = false;
  #clockOffsetMs = 0;

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
    this.#edits = undefined;
    this.#decisions = undefined;
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

  /** See {@link Decisions.rotate}; nothing while it does not run. */
  async rotate(...decision: Parameters<Decisions['rotate']>): Promise<void> {
    if (this.up) await this.#decisions?.rotate(...decision);
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

  /** See {@link Edits.edit}; undefined while it does not run. */
  edit(...edit: Parameters<Edits['edit']>): PendingEdit | undefined {
    return this.up ? this.#edits?.edit(...edit) : undefined;
  }

  writeRegister(...write: Parameters<Edits['writeRegister']>): void {
    if (this.up) this.#edits?.writeRegister(...write);
  }

  /** See {@link Decisions.decide}; nothing while it does not run. */
  decide(...decision: Parameters<Decisions['decide']>): void {
    if (this.up) this.#decisions?.decide(...decision);
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
    this.#edits = new Edits(this.#world, this, replica, life);
    const parts = { world: this.#world, name: this.name, home: this.home, keys: this.#keys, promises: this.#promises };
    this.#decisions = new Decisions({ ...parts, replica, life });
    replica.events.on('control', () => {
      this.#world.decided(replica);
      checkPosition(this.#world, this.name, replica);
    });
    this.#promises.judgeReturn(replica);
    this.#world.excuseLost();
  }

  /** A home that rotted cannot always be opened: its user joins again with the same device. */
  #unopened(error: unknown): void {
    this.#life?.end();
    if (this.home.isFull && isExpected(error, [NO_ROOM])) {
      const again = (): void => this.start();
      return void this.#world.scheduler.after(300, `${this.name} finds no room to open`, again);
    }
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
}

type OpenParts = Omit<Parameters<typeof openSandbox>[0], 'sandbox'>;
