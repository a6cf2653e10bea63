/**
 * One line of accepted envelopes of one member and incarnation, with what later checks need of each envelope: where it
 * lies, its short hash, the clocks and the control position it reached. Bytes stay in the log.
 */

import type { CheckpointChain, StepList } from '#protocol/checkpoint.ts';
import { type ControlPosition, chainKey, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';
import { Knowledge, type Point } from './knowledge.ts';

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
  /** What it newly declared to have seen: an extension of the chain's knowledge. */
  readonly seen: Knowledge | undefined;
}

/** An envelope of a chain declared to have seen a point. */
export interface SeenStep {
  readonly at: number;
  readonly point: Point;
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

  /** Seq of the first step whose value passes the test; from that one on all pass it. */
  firstSeq(test: (value: T) => boolean): number | undefined {
    let low = 0;
    let high = this.#values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(this.#values[middle] as T)) high = middle;
      else low = middle + 1;
    }
    return this.#seqs[low];
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

/** Where a line leaves another. */
export interface Branching {
  readonly parent: Chain;
  /** Last seq both share. */
  readonly after: number;
  /** What the author had declared to have seen by then. */
  readonly knowledge: Knowledge;
  /** Number of this line among all that branch off: negative. */
  readonly number: number;
}

/** One line of a chain; of an honest author's chain there is no other. */
export class Chain {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly key: string;
  /**
   * Device key, in hex, of an author who was admitted on a branch of the control logs that was not chosen: nothing of it
   * has effect, unless the same device was given the same number on the one that counts.
   */
  disowned: string | undefined;
  /** Yjs clientID that the author writes as. */
  readonly client: number;
  readonly parent: Chain | undefined;
  /** Up to here the envelopes are the parent's; 0 without one. */
  readonly after: number;
  /** What stands for this line where clientIDs tell lines apart that share one: the clientID, or a negative number. */
  readonly space: number;
  /** What the chain has declared to have seen of others, so far. */
  readonly knowledge: Knowledge;
  /** The same up to the base, step by step, as a checkpoint has it. */
  #baseSeen: readonly SeenStep[] = [];
  /** Hash of the header at the head; empty before the first. */
  hash: Uint8Array = new Uint8Array(0);
  /** Of the envelopes after the base. */
  #positions: number[] = [];
  /** Up to here a checkpoint, or the parent, stands for the envelopes. */
  #base: number;
  #lamports: number[] = [];
  readonly #clocks = new Map<string, Steps<number>>();
  readonly #controls = new Steps<ControlPosition>();
  #hashes = new Uint8Array(SHORT_HASH_BYTES * 8);

  constructor(member: MemberId, incarnation: number, branching?: Branching) {
    this.member = member;
    this.incarnation = incarnation;
    this.key = chainKey(member, incarnation);
    this.client = clientIdOf(member, incarnation);
    this.parent = branching?.parent;
    this.after = branching?.after ?? 0;
    this.space = branching?.number ?? this.client;
    this.knowledge = branching?.knowledge ?? Knowledge.none();
    this.#base = this.after;
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

  /** What a checkpoint says that the chain had seen up to the base. */
  remember(seen: readonly SeenStep[]): void {
    this.#baseSeen = seen;
  }

  /** What it had declared to have seen by a seq at or below the base. */
  seenAt(seq: number): Knowledge {
    const knowledge = Knowledge.none();
    for (const { at, point } of this.#baseSeen) if (at <= seq) knowledge.declare(point);
    return knowledge;
  }

  /** The bytes of the envelopes up to `seq` leave the log. @param seen what it had declared to have seen by then */
  prune(seq: number, seen: readonly SeenStep[]): void {
    this.#baseSeen = seen;
    this.#positions = this.#positions.slice(Math.max(0, seq - this.#base));
    this.#base = Math.max(seq, this.#base);
  }

  get base(): number {
    return this.#base;
  }

  /** Up to here a checkpoint stands for the envelopes of this line, those of its parent included. */
  get pruned(): number {
    return this.parent === undefined ? this.#base : Math.min(this.parent.pruned, this.after);
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
    const own = seq - this.after;
    if (own * SHORT_HASH_BYTES > this.#hashes.length) {
      const grown = new Uint8Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes.set(link.hash.subarray(0, SHORT_HASH_BYTES), (own - 1) * SHORT_HASH_BYTES);
    this.hash = link.hash;
    if (this.#controls.last()?.join() !== link.control.join()) this.#controls.push(seq, link.control);
    if (link.seen !== undefined) this.knowledge.absorb(link.seen);
    const before = this.clock(link.document);
    let clocks = this.#clocks.get(link.document);
    if (clocks === undefined) {
      clocks = new Steps();
      this.#clocks.set(link.document, clocks);
    }
    if (before !== link.endClock) clocks.push(seq, link.endClock);
  }

  /** Where the envelopes after the base lie in the log. */
  positions(): readonly number[] {
    return this.#positions;
  }

  /** The line that the envelope at `seq` lies on: this one, or one it branched off. */
  lineAt(seq: number): Chain {
    return this.parent !== undefined && seq <= this.after ? this.parent.lineAt(seq) : this;
  }

  /** A view, valid until the next append. */
  shortHash(seq: number): Uint8Array {
    if (this.parent !== undefined && seq <= this.after) return this.parent.shortHash(seq);
    const own = seq - this.after;
    return this.#hashes.subarray((own - 1) * SHORT_HASH_BYTES, own * SHORT_HASH_BYTES);
  }
  /** Undefined where a checkpoint stands for the envelope. */
  positionAt(seq: number): number | undefined {
    if (this.parent !== undefined && seq <= this.after) return this.parent.positionAt(seq);
    return this.#positions[seq - this.#base - 1];
  }
  /** 0 before the first envelope. */
  lamportAt(seq: number): number {
    if (this.parent !== undefined && seq <= this.after) return this.parent.lamportAt(seq);
    return this.#lamports[seq - this.after - 1] ?? 0;
  }
  /** Empty before the first envelope. */
  controlAt(seq: number): ControlPosition {
    const own = seq <= this.after ? undefined : this.#controls.at(seq);
    return own ?? this.parent?.controlAt(Math.min(seq, this.after)) ?? [];
  }
  /** First clock of this chain's client in a document after the envelope at `seq`. */
  clockAt(document: string, seq: number): number {
    const own = seq <= this.after ? undefined : this.#clocks.get(document)?.at(seq);
    return own ?? this.parent?.clockAt(document, Math.min(seq, this.after)) ?? 0;
  }
  clock(document: string): number {
    return this.#clocks.get(document)?.last() ?? this.parent?.clockAt(document, this.after) ?? 0;
  }
  /** Seq of the envelope that wrote a clock of a document. @throws when none did */
  slotOf(document: string, clock: number): number {
    if (this.parent !== undefined && clock < this.parent.clockAt(document, this.after)) {
      return this.parent.slotOf(document, clock);
    }
    const seq = this.#clocks.get(document)?.firstSeq((end) => end > clock);
    if (seq === undefined) throw new RangeError(`Chain ${this.key} wrote no clock ${clock} of "${document}"`);
    return seq;
  }
}
