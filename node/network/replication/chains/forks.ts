/**
 * What it takes to take up a line that leaves another: what the author knew where it leaves, and which documents are
 * made up otherwise from then on.
 */

import type { Envelope } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import type { Accepted } from './acceptance.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Knowledge } from './knowledge.ts';
import type { LineIds } from './line-ids.ts';

export interface ForksParts {
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  readonly lineIds: LineIds;
  /** Reads an envelope back from the log. */
  load(position: number): Envelope;
}

export class Forks {
  readonly #parts: ForksParts;

  constructor(parts: ForksParts) {
    this.#parts = parts;
  }

  /** Documents that are made up otherwise once an accepted envelope with which a line branches off is entered. */
  #touchedBy({ chain }: Accepted, { header }: Envelope): DocumentName[] {
    const { chains, documents } = this.#parts;
    const document = header.document as DocumentName;
    // Where the chain forks already nothing has to be named anew.
    const { parent, after } = chain;
    if (parent !== undefined && chains.stretchesOf(parent).has(Math.max(after, parent.base) + 1)) return [document];
    return [...new Set([document, ...documents.holding(this.#after(chain))])];
  }

  /**
   * Enters such an envelope.
   *
   * @returns documents that are made up otherwise than before
   */
  branchOff(accepted: Accepted, envelope: Envelope, enter: () => void): DocumentName[] {
    const { documents, lineIds } = this.#parts;
    const before = lineIds.names();
    const touched = this.#touchedBy(accepted, envelope);
    const positions = this.#after(accepted.chain);
    // They are not fit for what comes now.
    for (const name of touched) documents.drop(name);
    enter();
    documents.neutralise(positions);
    // Two stretches whose hashes begin alike push each other: rare enough to renew everything.
    const after = lineIds.names();
    const renamed = [...before].some(([name, client]) => after.get(name) !== client);
    return renamed ? [...documents.all()].map(({ name }) => name) : touched;
  }

  /** What a line had declared to have seen by some seq, read from its envelopes: nobody asks while chains do not fork. */
  knowledgeAt(line: Chain, seq: number): Knowledge {
    const { chains, load } = this.#parts;
    const included = Math.min(seq, line.pruned);
    const knowledge = line.lineAt(1).seenAt(included);
    for (let at = included + 1; at <= seq; at++) {
      for (const dep of load(line.positionAt(at) as number).header.deps) {
        const other = chains.find(dep.member, dep.incarnation, dep.seq, dep.hash);
        if (other !== undefined) knowledge.declare({ chain: other, seq: dep.seq });
      }
    }
    return knowledge;
  }

  /** Where the envelopes of a chain lie, of all its lines, from the slot on where a line branches off. */
  #after({ member, incarnation, after }: Chain): Set<number> {
    const positions = new Set<number>();
    for (const line of this.#parts.chains.linesOf(member, incarnation)) {
      for (let seq = Math.max(after, line.after) + 1; seq <= line.seq; seq++) {
        const position = line.positionAt(seq);
        if (position !== undefined) positions.add(position);
      }
    }
    return positions;
  }
}
