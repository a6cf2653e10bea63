/**
 * The index of accepted envelopes: one chain per member and incarnation, with what later checks need of each envelope
 * (where it lies, its short hash, the clocks and the control position it reached). Bytes stay in the log.
 */

import type { CheckpointChain, StepList } from '#protocol/checkpoint.ts';
import { type ControlPosition, chainKey, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
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
  #seqs: number[] = [];
  #values: T[] = [];

  static of<T>(seqs: readonly number[], values: readonly T[]): Steps<T> {
    const steps = new Steps<T>();
    steps.#seqs = [...seqs];
    steps.#values = [...values];
    return steps;
  }

  push(seq: number, value: T): void {
    this.#seqs.push(seq);
    this.#values.push(value);
  }

  last(): T | undefined {
    return this.#values.at(-1);
  }

  /** Steps at or below a seq. */
  upTo(seq: number): { readonly seqs: readonly number[]; readonly values: readonly T[] } {
    const count = this.#count(seq);
    return { seqs: this.#seqs.slice(0, count), values: this.#values.slice(0, count) };
  }

  at(seq: number): T | undefined {
    return this.#values[this.#count(seq) - 1];
  }

  #count(seq: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seqs[middle] as number) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
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
  /** Of the envelopes after the base. */
  #positions: number[] = [];
  /** Up to here a checkpoint stands for the envelopes: their bytes are not in the log. */
  #base = 0;
  #lamports: number[] = [];
  readonly #clocks = new Map<string, Steps<number>>();
  readonly #controls = new Steps<ControlPosition>();
  #hashes = new Uint8Array(SHORT_HASH_BYTES * 8);

  constructor(member: MemberId, incarnation: number) {
    this.member = member;
    this.incarnation = incarnation;
    this.key = chainKey(member, incarnation);
  }

  /** A chain as a checkpoint has it; what it had seen is filled in once all of them stand. */
  static restore(index: CheckpointChain): Chain {
    const chain = new Chain(index.member, index.incarnation);
    chain.#base = index.seq;
    chain.hash = index.hash;
    chain.#hashes = index.shortHashes.slice();
    chain.#lamports = [...index.lamports];
    for (const { seq, position } of index.controls) chain.#controls.push(seq, position);
    for (const [document, { seqs, values }] of index.clocks) chain.#clocks.set(document, Steps.of(seqs, values));
    return chain;
  }

  /** What a checkpoint at `seq` says of the chain; what it had seen by then is not recorded here. */
  index(seq: number): Omit<CheckpointChain, 'hash' | 'seen'> {
    const controls = this.#controls.upTo(seq);
    const clocks = [...this.#clocks].map(([name, steps]): [DocumentName, StepList] => {
      return [name as DocumentName, steps.upTo(seq)];
    });
    return {
      member: this.member,
      incarnation: this.incarnation,
      seq,
      shortHashes: this.#hashes.slice(0, seq * SHORT_HASH_BYTES),
      lamports: this.#lamports.slice(0, seq),
      controls: controls.seqs.map((at, i) => ({ seq: at, position: controls.values[i] as ControlPosition })),
      clocks: clocks.filter(([, { seqs }]) => seqs.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)),
    };
  }

  /** The bytes of the envelopes up to `seq` leave the log. */
  prune(seq: number): void {
    this.#positions = this.#positions.slice(Math.max(0, seq - this.#base));
    this.#base = Math.max(seq, this.#base);
  }

  get base(): number {
    return this.#base;
  }

  /** Head; 0 for an empty chain. */
  get seq(): number {
    return this.#base + this.#positions.length;
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

  /** Where the envelopes after the base lie in the log. */
  positions(): readonly number[] {
    return this.#positions;
  }

  /** A view, valid until the next append. */
  shortHash(seq: number): Uint8Array {
    return this.#hashes.subarray((seq - 1) * SHORT_HASH_BYTES, seq * SHORT_HASH_BYTES);
  }
  /** Undefined up to the base. */
  positionAt(seq: number): number | undefined {
    return this.#positions[seq - this.#base - 1];
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

  byKey(key: string): Chain | undefined {
    return this.#chains.get(key);
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
