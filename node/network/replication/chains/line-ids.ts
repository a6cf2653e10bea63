/**
 * Under which clientIDs the lines of forked chains stand in the documents of this replica. Up to the first fork a chain
 * has the clientID its author writes as; from there on every stretch between two forks has one of its own, which
 * depends on nothing but the envelopes that are known: whoever knows the same has the same documents. Updates are
 * renamed on their way in and out.
 */

import type { Envelope } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import { chainOfClient } from '#shared/documents/client-id.ts';
import { mergeDeletes } from '#shared/documents/local-update.ts';
import { type DeleteRange, type ReadUpdate, readUpdate, type StructId } from '#shared/documents/update-reader.ts';
import { renameUpdate } from '#shared/documents/update-writer.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Knowledge, Point } from './knowledge.ts';

/** One stretch of a line: from the envelope after a fork to the next fork. */
interface Stretch {
  readonly chain: Chain;
  readonly from: number;
  /** By which it is named. */
  readonly hash: string;
  readonly client: number;
}

interface Naming {
  /** How many lines there were when it was made. */
  readonly version: number;
  /** Stretches of each line that has any, ascending. */
  readonly byChain: ReadonlyMap<Chain, readonly Stretch[]>;
  readonly byClient: ReadonlyMap<number, Stretch>;
}

export class LineIds {
  readonly #chains: ChainStore;
  #naming: Naming = { version: 0, byChain: new Map(), byClient: new Map() };

  constructor(chains: ChainStore) {
    this.#chains = chains;
  }

  /** clientIDs of all stretches, by what they stand for: two that are equal mean that no document has to be renamed. */
  names(): ReadonlyMap<string, number> {
    const { byChain } = this.#current();
    const names = new Map<string, number>();
    for (const stretches of byChain.values()) {
      for (const { chain, hash, client } of stretches) names.set(`${chain.key}:${hash}`, client);
    }
    return names;
  }

  /** An accepted update as this replica's documents have it. */
  incoming(envelope: Envelope): Uint8Array {
    const { header, payload } = envelope;
    if (!this.#chains.forked) return payload;
    const author = this.#chains.find(header.member, header.incarnation, header.seq, envelope.hash);
    if (author === undefined) throw new RangeError(`Envelope ${header.seq} of chain ${header.member} is not accepted`);
    const update = readUpdate(payload);
    const own = { chain: author, seq: header.seq };
    const pathOf = (client: number): Point | undefined =>
      client === author.client ? own : author.knowledge.pathOf(client);
    if (!this.#touches(update, author, pathOf)) return payload;
    return renameUpdate(payload, update, {
      id: (id) => this.#rename(id, header.document, pathOf(id.client)),
      range: (range) => this.#split(range, header.document, pathOf(range.client)),
    });
  }

  /** An update written in this replica's documents as others may read it, who know what `knowledge` holds. */
  outgoing(document: string, payload: Uint8Array, knowledge: Knowledge): Uint8Array {
    if (!this.#chains.forked) return payload;
    const name = (id: StructId): StructId => {
      const point = this.pointOf(document, id);
      // Also where a checkpoint includes what was written after the fork and it stands under its author's own clientID.
      if (point === undefined || !this.#chains.isForked(point.chain)) return id;
      return { client: knowledge.nameOf(point), clock: this.#toldClock(document, id) };
    };
    return renameUpdate(payload, readUpdate(payload), {
      id: name,
      range({ client, clock, length }) {
        // Whoever has seen the end of a stretch has seen it from the start.
        const last = name({ client, clock: clock + length - 1 });
        return [{ client: last.client, clock: last.clock - length + 1, length }];
      },
    });
  }

  /** The envelope that wrote an item of this replica's document; undefined when no chain here did. */
  pointOf(document: string, { client, clock }: StructId): Point | undefined {
    const stretch = this.#stretchOf(client);
    const name = chainOfClient(client);
    const chain = stretch?.chain ?? (name && this.#chains.get(name.member, name.incarnation));
    if (chain === undefined) return undefined;
    const told = this.#toldClock(document, { client, clock });
    return told < chain.clock(document) ? { chain, seq: chain.slotOf(document, told) } : undefined;
  }

  #stretchOf(client: number): Stretch | undefined {
    return this.#chains.forked ? this.#current().byClient.get(client) : undefined;
  }

  /** The clock as the author of the item counts. */
  #toldClock(document: string, { client, clock }: StructId): number {
    const stretch = this.#stretchOf(client);
    return stretch === undefined ? clock : clock + stretch.chain.clockAt(document, stretch.from - 1);
  }

  #touches(update: ReadUpdate, author: Chain, pathOf: (client: number) => Point | undefined): boolean {
    if (this.#chains.isForked(author)) return true;
    const touches = (client: number | undefined): boolean => {
      if (client === undefined || client === author.client) return false;
      const path = pathOf(client);
      return path !== undefined && this.#chains.isForked(path.chain);
    };
    return (
      update.deletes.some(({ client }) => touches(client)) ||
      update.structs.some(
        ({ origin, rightOrigin, parent }) =>
          touches(origin?.client) ||
          touches(rightOrigin?.client) ||
          (typeof parent === 'object' && touches(parent.client)),
      )
    );
  }

  #rename(id: StructId, document: string, path: Point | undefined): StructId {
    if (path === undefined || !this.#chains.isForked(path.chain)) return id;
    return this.#place(path.chain, path.chain.slotOf(document, id.clock), document, id.clock);
  }

  #split(range: DeleteRange, document: string, path: Point | undefined): DeleteRange[] {
    if (path === undefined || !this.#chains.isForked(path.chain)) return [range];
    const parts: DeleteRange[] = [];
    const end = range.clock + range.length;
    for (let clock = range.clock; clock < end; ) {
      const seq = path.chain.slotOf(document, clock);
      const until = Math.min(end, path.chain.clockAt(document, seq));
      parts.push({ ...this.#place(path.chain, seq, document, clock), length: until - clock });
      clock = until;
    }
    return mergeDeletes(parts);
  }

  /** Where the documents here have a clock that the envelope at `seq` of a line wrote. Each stretch counts from 0. */
  #place(line: Chain, seq: number, document: string, clock: number): StructId {
    const chain = line.lineAt(seq);
    const stretch = this.#current()
      .byChain.get(chain)
      ?.findLast(({ from }) => from <= seq);
    if (stretch === undefined) return { client: chain.client, clock };
    return { client: stretch.client, clock: clock - chain.clockAt(document, stretch.from - 1) };
  }

  #current(): Naming {
    if (this.#naming.version !== this.#chains.version) this.#naming = nameStretches(this.#chains);
    return this.#naming;
  }
}

/**
 * Gives every stretch after a fork a clientID below 2^32, where no member's lies: the start of its first envelope's hash,
 * in the order of the hashes one up where two are equal, which only an author who looks for it can bring about.
 */
function nameStretches(chains: ChainStore): Naming {
  const starts: { chain: Chain; from: number; hash: string }[] = [];
  for (const chain of chains.all()) {
    for (const [from, named] of chains.stretchesOf(chain)) {
      starts.push({ chain, from, hash: toHex(chain.shortHash(named)) });
    }
  }
  starts.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
  const byChain = new Map<Chain, Stretch[]>();
  const byClient = new Map<number, Stretch>();
  let last = 0;
  for (const { chain, from, hash } of starts) {
    last = Math.max(last + 1, Number.parseInt(hash.slice(0, 8), 16) >>> 1);
    const stretch = { chain, from, hash, client: last };
    byClient.set(last, stretch);
    const stretches = byChain.get(chain);
    if (stretches === undefined) byChain.set(chain, [stretch]);
    else stretches.push(stretch);
  }
  for (const stretches of byChain.values()) stretches.sort((a, b) => a.from - b.from);
  return { version: chains.version, byChain, byClient };
}
