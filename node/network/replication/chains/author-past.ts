/**
 * What the author of an envelope had when it wrote it, as far as its chain says: whether an item of a document was
 * among it. Of an envelope that was accepted long ago its chain knows only what it has seen by now; then the chain is
 * read again, in step with the document that is being built.
 */

import type { Envelope } from '#protocol/envelope.ts';
import type { AuthorPast } from '#shared/documents/apply-update.ts';
import { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import { type Knowledge, leadsThrough } from './knowledge.ts';
import type { LineIds } from './line-ids.ts';

export interface AuthorPastsParts {
  readonly chains: ChainStore;
  readonly lineIds: LineIds;
  /** What a line had declared to have seen by some seq. */
  knowledgeAt(line: Chain, seq: number): Knowledge;
  load(position: number): Envelope;
}

/** Knowledge of one line at some seq, to go on from. */
interface Cursor {
  readonly knowledge: Knowledge;
  seq: number;
}

export class AuthorPasts {
  readonly #parts: AuthorPastsParts;
  readonly #cursors = new WeakMap<Chain, Cursor>();

  constructor(parts: AuthorPastsParts) {
    this.#parts = parts;
  }

  /** @param envelope accepted, or about to be, following the head of its chain. Little is done before the first question */
  of(envelope: Envelope): AuthorPast {
    let known: { readonly line: Chain; readonly knowledge: Knowledge } | undefined;
    return (id) => {
      known ??= this.#find(envelope);
      const { line, knowledge } = known;
      const { header } = envelope;
      // Everything of its own that is there already was there before.
      if (id.client === line.client) return true;
      const point = this.#parts.lineIds.pointOf(header.document, id);
      if (point === undefined) return false;
      if (point.chain.client === line.client) return leadsThrough({ chain: line, seq: header.seq }, point);
      return knowledge.has(point);
    };
  }

  #find(envelope: Envelope): { line: Chain; knowledge: Knowledge } {
    const { member, incarnation, seq, previous } = envelope.header;
    const { chains } = this.#parts;
    const line = chains.find(member, incarnation, seq, envelope.hash);
    if (line !== undefined)
      return { line, knowledge: line.seq === seq ? line.knowledge : this.#knowledgeAt(line, seq) };
    const before = seq === 1 ? new Chain(member, incarnation) : chains.find(member, incarnation, seq - 1, previous);
    if (before === undefined) throw new RangeError(`Envelope ${seq} of ${member}/${incarnation} follows nothing known`);
    const knowledge = before.knowledge.extend();
    this.#declare(envelope, knowledge);
    return { line: before, knowledge };
  }

  /** Documents are built in the order of acceptance: questions about one line come in ascending order, mostly. */
  #knowledgeAt(line: Chain, seq: number): Knowledge {
    let cursor = this.#cursors.get(line);
    if (cursor === undefined || cursor.seq > seq) {
      cursor = { knowledge: this.#parts.knowledgeAt(line, seq), seq };
      this.#cursors.set(line, cursor);
    }
    for (; cursor.seq < seq; cursor.seq++) {
      this.#declare(this.#parts.load(line.positionAt(cursor.seq + 1) as number), cursor.knowledge);
    }
    return cursor.knowledge;
  }

  #declare({ header }: Envelope, knowledge: Knowledge): void {
    for (const { member, incarnation, seq, hash } of header.deps) {
      const chain = this.#parts.chains.find(member, incarnation, seq, hash);
      if (chain !== undefined) knowledge.declare({ chain, seq });
    }
  }
}
