/**
 * What one peer has, as far as it is known here: what it was told, what it announced that is missing here, and where its
 * lines are known to lead.
 */

import { chainKey } from '#protocol/envelope.ts';
import { type Head, MAX_HAVE, type Want } from '#protocol/replication-messages.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { Chain } from '../chains/chain.ts';
import type { SyncHost } from './sync-host.ts';

const NOTHING: ReadonlyMap<string, readonly Head[]> = new Map();
/** Heads of one chain that are remembered as missing: more only where its author makes ever new lines. */
const MAX_MISSING = 1000;

export class PeerHeads {
  readonly #host: SyncHost;
  /** Highest seq per line that the peer has heard of: said or sent by it, or by us. */
  #told = new WeakMap<Chain, number>();
  /** Heads it has that are not accepted here, by chain. */
  readonly #missing = new Map<string, Head[]>();
  /** Latest envelope of each chain that it sent: where its line is known to lead. */
  readonly #sent = new Map<string, Head>();

  constructor(host: SyncHost) {
    this.#host = host;
  }

  /** How much of a line the peer has heard of. */
  told(chain: Chain): number {
    return this.#told.get(chain) ?? 0;
  }
  tell(chain: Chain, seq: number): void {
    if (seq > this.told(chain)) this.#told.set(chain, seq);
  }

  /** Chains were rebuilt here: what was told must be told again. */
  forgetTold(): void {
    this.#told = new WeakMap();
  }

  /** The peer has this, and everything its line leads through. */
  learn(head: Head): void {
    if (this.#isHere(head)) return;
    const key = chainKey(head.member, head.incarnation);
    const heads = this.#missing.get(key) ?? [];
    if (heads.some((other) => other.seq === head.seq && equalBytes(other.hash, head.hash))) return;
    this.#missing.set(key, [...heads.slice(1 - MAX_MISSING), head]);
  }

  /**
   * The peer sent these, in this order.
   *
   * @returns whether it was farther along some chain than what it had sent before
   */
  delivered(heads: readonly Head[]): boolean {
    const last = new Map<string, Head>();
    for (const head of heads) last.set(chainKey(head.member, head.incarnation), head);
    let farther = false;
    for (const [key, head] of last) {
      // What waits here may be forgotten again: it is noted as missing until it is accepted.
      this.learn(head);
      farther ||= head.seq > (this.#sent.get(key)?.seq ?? 0);
      this.#sent.set(key, head);
    }
    return farther;
  }

  /** What must be fetched, by chain, so that everything the peer has can be accepted here. */
  missing(): ReadonlyMap<string, readonly Head[]> {
    if (this.#missing.size === 0) return NOTHING;
    const still: Head[] = [];
    for (const [key, heads] of this.#missing) {
      const left = heads.filter((head) => !this.#isHere(head));
      if (left.length > 0) this.#missing.set(key, left);
      else this.#missing.delete(key);
      still.push(...left);
    }
    const wanted = new Map<string, Head[]>();
    for (const head of this.#host.absentFor(still)) {
      const key = chainKey(head.member, head.incarnation);
      const heads = wanted.get(key);
      if (heads === undefined) wanted.set(key, [head]);
      else heads.push(head);
    }
    return wanted;
  }

  /** Asks for everything up to a head. What is here of its chain: the ends of its lines, and ever less the farther back. */
  want(head: Head): Want {
    const { member, incarnation } = head;
    const have: Want['have'][number][] = [];
    const sent = this.#sent.get(chainKey(member, incarnation));
    if (sent !== undefined && this.#isHere(sent)) have.push(sent);
    for (const line of this.#host.chains.linesOf(member, incarnation)) {
      for (let back = 0; line.seq - back > line.after && have.length < MAX_HAVE; back = Math.max(1, back * 8)) {
        have.push({ seq: line.seq - back, hash: line.shortHash(line.seq - back).slice() });
      }
    }
    return { ...head, have };
  }

  /** Whether it is accepted here; the peer has it then. */
  #isHere({ member, incarnation, seq, hash }: Head): boolean {
    const chain = this.#host.chains.find(member, incarnation, seq, hash);
    if (chain !== undefined) this.tell(chain, seq);
    return chain !== undefined;
  }
}
