/** What the user of one process of a daemon decides about members, and whether it was told beforehand what it may not know. */

import type { ControlAuthority } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import type { ControlSigner, EntryBody } from '#protocol/control-entry.ts';
import type { ControlHead } from '#protocol/control-log.ts';
import { toHex } from '#shared/bytes.ts';
import type { ControlKeys } from './control-keys.ts';
import { DECIDING, isExpected, NO_ROOM, text } from './expected-errors.ts';
import { heldBy } from './holdings.ts';
import type { SimulatedHome } from './home.ts';
import type { Life } from './life.ts';
import type { Promises } from './promises.ts';
import { toldEntries, type World } from './world.ts';

export interface DecisionsParts {
  readonly world: World;
  /** The daemon's. */
  readonly name: string;
  readonly home: SimulatedHome;
  readonly keys: ControlKeys;
  readonly promises: Promises;
  /** Of that process, which has just opened it. */
  readonly replica: SandboxReplica;
  readonly life: Life;
}

/** What a decision was made upon. */
interface Standing {
  /** Every control entry; undefined while the disk had no room for the last. */
  readonly before: ReadonlySet<string> | undefined;
  /** Chain → seq. */
  readonly held: ReadonlyMap<string, number>;
  readonly warnings: number;
}

export class Decisions {
  readonly #parts: DecisionsParts;
  /** Since it opened the sandbox a member has shown it what it has, or there was none who could. */
  #hasMet: boolean;
  /** How often it told its user that it signed all the same. */
  #warnings = 0;

  constructor(parts: DecisionsParts) {
    this.#parts = parts;
    const { events, controlLog } = parts.replica;
    const { members, invites } = controlLog.state;
    this.#hasMet = members.size === 1 && invites.size === 0;
    events.on('peer', ({ connected }) => {
      this.#hasMet ||= connected;
    });
    events.on('unlevelled', () => {
      this.#warnings += 1;
    });
  }

  /** Has the owner, or a delegate, decide something; nothing where neither is at home. */
  decide(what: string, decision: (authority: ControlAuthority) => Promise<unknown>, done?: () => void): void {
    const { world, name, replica, life } = this.#parts;
    const { authority } = replica;
    if (authority === undefined) return;
    const held = heldBy(replica);
    const told = toldEntries(replica);
    const before = told.length === 0 ? undefined : new Set(told);
    const warnings = this.#warnings;
    decision(authority).then(
      () => {
        if (!life.alive) return;
        this.#judge(what, { before, held, warnings });
        world.decided(replica);
        done?.();
      },
      (error: unknown) => {
        if (life.alive && !this.#isExpected(error)) world.fail('decision', `${name} cannot ${what}: ${text(error)}`);
      },
    );
  }

  /** The recovery key speaks at this home of the owner, where the next control key lies already. */
  async rotate(body: EntryBody<'rotate'>, recovery: ControlSigner, after: ControlHead | undefined): Promise<void> {
    const { world, name, keys, replica, life } = this.#parts;
    try {
      await replica.rotate(body, keys.noting(recovery), after);
    } catch (error) {
      const promised = replica.controlLog.state.recoveryHash;
      const used = toHex(world.crypto.sha256(recovery.publicKey)) !== promised;
      // Somebody used that key meanwhile: it has done its work.
      if (life.alive && !used && !this.#isExpected(error))
        world.fail('decision', `${name} cannot recover: ${text(error)}`);
    }
  }

  #isExpected(error: unknown): boolean {
    return isExpected(error, this.#parts.home.isFull ? [...DECIDING, NO_ROOM] : DECIDING);
  }

  #judge(what: string, { before, held, warnings }: Standing): void {
    const { world, name, keys, promises, replica } = this.#parts;
    const entries = toldEntries(replica);
    promises.acknowledgeEntries(entries);
    if (before === undefined) return;
    const news = entries.filter((entry) => !before.has(entry));
    // Others' entries may have come meanwhile.
    const own = news.filter((entry) => keys.haveSigned(entry));
    promises.judgeDecision(own, held);
    if (news.length > 0 && !this.#hasMet && this.#warnings === warnings)
      world.fail('authority', `${name} did ${what} without a word of what others may have`);
  }
}
