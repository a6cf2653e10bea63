import { chainKey, compareDeps, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { MemberId } from '#shared/ids.ts';
import { Chain } from './chain.ts';
import type { Knowledge } from './knowledge.ts';

/** All lines of one chain, the one that was here first in front. */
interface Lines {
  readonly all: Chain[];
  /** Up to here there is one line. */
  common: number;
}

export class ChainStore {
  readonly #chains = new Map<string, Lines>();
  #forks = 0;
  #version = 0;
  #branchings = 0;

  /** The line that was here first. */
  get(member: number, incarnation: number): Chain | undefined {
    return this.#chains.get(chainKey(member, incarnation))?.all[0];
  }

  /**
   * The line on which an accepted envelope lies.
   *
   * @param hash of its header, or the first {@link SHORT_HASH_BYTES} of it
   */
  find(member: number, incarnation: number, seq: number, hash: Uint8Array): Chain | undefined {
    const lines = this.#chains.get(chainKey(member, incarnation))?.all ?? [];
    const short = hash.subarray(0, SHORT_HASH_BYTES);
    return lines.find((line) => seq > line.after && seq <= line.seq && equalBytes(line.shortHash(seq), short));
  }

  /** The line that was here first. */
  byKey(key: string): Chain | undefined {
    return this.#chains.get(key)?.all[0];
  }

  /** How far the longest line of a chain goes; 0 for none. */
  farthest(key: string): number {
    return Math.max(0, ...(this.#chains.get(key)?.all ?? []).map(({ seq }) => seq));
  }

  /** A line that leaves another; {@link add} registers it when it has its first envelope. */
  branch(parent: Chain, after: number, knowledge: Knowledge): Chain {
    const number = -++this.#branchings;
    return new Chain(parent.member, parent.incarnation, { parent, after, knowledge, number });
  }

  /** Registers a line that got its first envelope; harmless for one that is known. */
  add(chain: Chain): void {
    const lines = this.#chains.get(chain.key);
    if (lines === undefined) {
      this.#chains.set(chain.key, { all: [chain], common: Number.POSITIVE_INFINITY });
    } else if (!lines.all.includes(chain)) {
      lines.all.push(chain);
      lines.common = Math.min(lines.common, chain.after);
      this.#forks++;
      this.#version++;
    }
  }

  linesOf(member: number, incarnation: number): readonly Chain[] {
    return this.#chains.get(chainKey(member, incarnation))?.all ?? [];
  }

  /** Every line of every chain. */
  *all(): Iterable<Chain> {
    for (const { all } of this.#chains.values()) yield* all;
  }

  /** Changes whenever the lines do. */
  get version(): number {
    return this.#version;
  }
  /** Whether any chain has forked. */
  get forked(): boolean {
    return this.#forks > 0;
  }
  isForked({ key }: Chain): boolean {
    return (this.#chains.get(key)?.all.length ?? 0) > 1;
  }
  forkedMembers(): Set<MemberId> {
    return new Set(
      [...this.#chains.values()].flatMap(({ all: [first, ...more] }) => (more[0] && first ? [first.member] : [])),
    );
  }

  /** Last seq up to which a chain has one line; infinite for one that has not forked. */
  commonSeq(member: number, incarnation: number): number {
    return this.#chains.get(chainKey(member, incarnation))?.common ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Where the stretches of a line start that lie after a fork, each with the seq of the envelope whose hash names it: its
   * first. Where a checkpoint includes the fork the stretch starts beyond it, and the checkpoint's head names it.
   */
  stretchesOf(line: Chain): Map<number, number> {
    const starts = new Map<number, number>(line.parent === undefined ? [] : [[line.after + 1, line.after + 1]]);
    let isLate = false;
    for (const other of this.#chains.get(line.key)?.all ?? []) {
      if (other.parent !== line) continue;
      if (other.after >= line.base) starts.set(other.after + 1, other.after + 1);
      else isLate = true;
    }
    if (isLate) starts.set(line.base + 1, line.base);
    return starts;
  }

  /** Where every accepted envelope lies in the log. */
  *positions(): Iterable<number> {
    for (const chain of this.all()) yield* chain.positions();
  }

  clear(): void {
    this.#chains.clear();
    this.#forks = 0;
    this.#version++;
  }

  /** Of every line, sorted by member, incarnation, seq, hash; empty ones left out. */
  heads(): Head[] {
    return [...this.all()]
      .filter((chain) => chain.seq > chain.after)
      .map((chain) => chain.head)
      .sort(compareDeps);
  }
}
