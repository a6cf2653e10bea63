/**
 * The index of accepted envelopes: one chain per member and incarnation, with what later checks need of each envelope
 * (where it lies, its short hash, the clocks and the control position it reached). Bytes stay in the log.
 */

import { type ControlPosition, chainKey, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';

/** What acceptance learned about an envelope and the chain keeps. */
export interface Link {
  /** Of the whole header. */
  readonly hash: Uint8Array;
  readonly position: number;
  readonly control: ControlPosition;
  readonly lamport: number;
  readonly document: string;
  /** First clock after this envelope, in its document. */
  readonly endClock: number;
  /** Heads of other chains newly declared as seen. */
  readonly deps: readonly { readonly chain: Chain; readonly seq: number }[];
}

/** A step function over seq: its value at a seq is that of the last step at or below. */
class Steps<T> {
  readonly #seqs: number[] = [];
  readonly #values: T[] = [];

  push(seq: number, value: T): void {
    this.#seqs.push(seq);
    this.#values.push(value);
  }

  last(): T | undefined {
    return this.#values.at(-1);
  }

  at(seq: number): T | undefined {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seqs[middle] as number) <= seq) low = middle + 1;
      else high = middle;
    }
    return this.#values[low - 1];
  }
}

export class Chain {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly key: string;
  /** Hash of the header at the head; empty before the first. */
  hash: Uint8Array = new Uint8Array(0);
  /** What the chain has declared to have seen of others, so far. */
  readonly seen = new Map<Chain, number>();
  readonly #positions: number[] = [];
  readonly #lamports: number[] = [];
  readonly #clocks = new Map<string, Steps<number>>();
  readonly #controls = new Steps<ControlPosition>();
  #hashes = new Uint8Array(SHORT_HASH_BYTES * 8);

  constructor(member: MemberId, incarnation: number) {
    this.member = member;
    this.incarnation = incarnation;
    this.key = chainKey(member, incarnation);
  }

  /** Head; 0 for an empty chain. */
  get seq(): number {
    return this.#positions.length;
  }
  get head(): Head {
    return { member: this.member, incarnation: this.incarnation, seq: this.seq, hash: this.shortHash(this.seq) };
  }

  append(link: Link): void {
    this.#positions.push(link.position);
    this.#lamports.push(link.lamport);
    const seq = this.seq;
    if (seq * SHORT_HASH_BYTES > this.#hashes.length) {
      const grown = new Uint8Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes.set(link.hash.subarray(0, SHORT_HASH_BYTES), (seq - 1) * SHORT_HASH_BYTES);
    this.hash = link.hash;
    if (this.#controls.last()?.join() !== link.control.join()) this.#controls.push(seq, link.control);
    for (const dep of link.deps) this.seen.set(dep.chain, dep.seq);
    let clocks = this.#clocks.get(link.document);
    if (clocks === undefined) {
      clocks = new Steps();
      this.#clocks.set(link.document, clocks);
    }
    if ((clocks.last() ?? 0) !== link.endClock) clocks.push(seq, link.endClock);
  }

  positions(): readonly number[] {
    return this.#positions;
  }

  /** A view, valid until the next append. */
  shortHash(seq: number): Uint8Array {
    return this.#hashes.subarray((seq - 1) * SHORT_HASH_BYTES, seq * SHORT_HASH_BYTES);
  }
  positionAt(seq: number): number {
    return this.#positions[seq - 1] as number;
  }
  lamportAt(seq: number): number {
    return this.#lamports[seq - 1] ?? 0;
  }
  /** Empty before the first envelope. */
  controlAt(seq: number): ControlPosition {
    return this.#controls.at(seq) ?? [];
  }
  /** First clock of this chain's client in a document after the envelope at `seq`. */
  clockAt(document: string, seq: number): number {
    return this.#clocks.get(document)?.at(seq) ?? 0;
  }
  clock(document: string): number {
    return this.#clocks.get(document)?.last() ?? 0;
  }
}

export class ChainStore {
  readonly #chains = new Map<string, Chain>();

  get(member: number, incarnation: number): Chain | undefined {
    return this.#chains.get(chainKey(member, incarnation));
  }

  /** Registers a chain that got its first envelope; harmless for one that is known. */
  add(chain: Chain): void {
    this.#chains.set(chain.key, chain);
  }

  all(): Iterable<Chain> {
    return this.#chains.values();
  }

  /** Where every accepted envelope lies in the log. */
  *positions(): Iterable<number> {
    for (const chain of this.#chains.values()) yield* chain.positions();
  }

  clear(): void {
    this.#chains.clear();
  }

  /** Sorted by member, then incarnation; empty chains left out. */
  heads(): Head[] {
    return [...this.#chains.values()]
      .filter((chain) => chain.seq > 0)
      .map((chain) => chain.head)
      .sort((a, b) => a.member - b.member || a.incarnation - b.incarnation);
  }
}
