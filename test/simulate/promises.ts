/** What a daemon has promised, by word or by sending it, and whether it is kept when the daemon comes back. */

import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { Daemon } from './daemon.ts';
import { heldBy, highestSent } from './holdings.ts';
import { placeOf, readFrontier } from './law.ts';
import type { World } from './world.ts';

/** Messages remembered, to know what had left the process when it was killed. */
const REMEMBERED = 8;

/** Chain → seq. */
type Holdings = ReadonlyMap<string, number>;

export class Promises {
  readonly #world: World;
  readonly #daemon: Daemon;
  /** As it stood when the process ended and as far as that is on the disk for sure. */
  #heldWhenDown: Holdings = new Map();
  /** What a kill must not undo. */
  #sentWhenKilled: Holdings = new Map();
  /** Control entries it has said are safe. */
  #entries = new Set<string>();
  #sent: Uint8Array[] = [];
  /** When its disk last lost something that had been synced. */
  damagedAtMs = -1;

  constructor(world: World, daemon: Daemon) {
    this.#world = world;
    this.#daemon = daemon;
  }

  /** What its home holds for sure while it does not run. */
  get heldWhenDown(): Holdings {
    return this.#heldWhenDown;
  }

  started(): void {
    this.#sent = [];
  }

  /** A message with envelopes leaves the process. */
  sent(message: Uint8Array): void {
    this.#sent = [...this.#sent.slice(1 - REMEMBERED), message.slice()];
  }

  /** Told somebody that these control entries are safe. */
  acknowledgeEntries(entries: readonly string[]): void {
    for (const entry of entries) this.#entries.add(entry);
  }

  /** Ended in good order, or was killed: what it had written is on the disk, what it had sent as well. */
  ended(replica: SandboxReplica | undefined, how: 'stop' | 'kill'): void {
    this.#heldWhenDown = replica === undefined ? new Map() : heldBy(replica);
    if (how === 'kill') this.#sentWhenKilled = highestSent(this.#sent, replica?.self, this.#world.crypto);
  }

  lostPower(): void {
    this.#heldWhenDown = new Map();
  }

  /** Something synced is gone from the disk; the process is not running. */
  damaged(): void {
    this.damagedAtMs = this.#world.scheduler.now;
    this.#heldWhenDown = new Map();
    this.#sentWhenKilled = new Map();
    this.#entries = new Set();
    this.#world.excuseLost();
  }

  /** Whoever takes rights away keeps what it had seen of that member before. */
  judgeDecision(entries: readonly string[], held: Holdings): void {
    const { name } = this.#daemon;
    for (const { member, cuts } of entries.flatMap(readFrontier)) {
      for (const [chain, seq] of held) {
        if (!chain.startsWith(`${member}/`) || (cuts.get(chain) ?? 0) >= seq) continue;
        this.#world.fail('no honest text lost', `${name} cuts ${chain} at ${cuts.get(chain) ?? 0} and has seen ${seq}`);
      }
    }
  }

  /** What was promised before must still be here. */
  judgeReturn(replica: SandboxReplica): void {
    const { name } = this.#daemon;
    const held = heldBy(replica);
    const entries = replica.controlEntries();
    const isForked = replica.controlLog.state.forks.length > 0;
    const isKept = (chain: string, seq: number): boolean =>
      (held.get(chain) ?? 0) >= seq || (isForked && this.#isSetAside(chain, seq));
    const broken = (what: string): void => this.#world.fail('durability', what);
    for (const ack of this.#world.acknowledged) {
      if (ack.daemon !== this.#daemon || ack.atMs <= this.damagedAtMs || isKept(ack.chain, ack.seq)) continue;
      broken(`${name} came back without ${ack.chain}:${ack.seq}, which it had acknowledged`);
    }
    for (const [chain, seq] of this.#sentWhenKilled) {
      if (isKept(chain, seq)) continue;
      broken(`${name} was killed after it had sent ${chain}:${seq} and came back without it`);
    }
    this.#sentWhenKilled = new Map();
    const missing = [...this.#entries].find((entry) => !entries.includes(entry));
    if (missing === undefined) return;
    const { log, seq } = placeOf(missing);
    broken(`${name} came back without entry ${seq} of control log ${log}`);
  }

  /** What only entries above a fork allow waits in the log file until the fork is settled. */
  #isSetAside(chain: string, seq: number): boolean {
    return this.#world.registry.at(chain, seq).some(({ bytes }) => this.#daemon.home.contains(bytes));
  }
}
