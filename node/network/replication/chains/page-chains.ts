/**
 * What pages write. Each page has an incarnation of its own and so a chain of this member, signed here: its updates
 * become envelopes that go on along it. A page says in no message what it had seen, so an envelope declares only what it
 * refers to, which the page cannot but have had. What refers to more begins another envelope: what came before it was
 * written without that, perhaps between two neighbours that something else stood between by then.
 */

import type * as Y from 'yjs';
import { EnvelopeKind, MAX_PAYLOAD_BYTES } from '#protocol/envelope.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { encodeStructUpdates, mergeDeletes } from '#shared/documents/local-update.ts';
import { type PageMessage, type PagePart, readPageMessages, referencesOf } from '#shared/documents/page-update.ts';
import type { DeleteRange } from '#shared/documents/update-reader.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { StorageFolder } from '../../../storage/storage-folder.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import type { LocalCommits } from '../documents/local-commits.ts';
import type { Draft } from '../documents/local-edits.ts';
import { newIncarnation, type ReplicaEnvironment } from '../environment.ts';
import { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Point } from './knowledge.ts';
import type { Ledger } from './ledger.ts';
import type { LineIds } from './line-ids.ts';
import type { OwnChain } from './own-chain.ts';
import { PageQueue } from './page-queue.ts';

export interface PageChainsParts {
  readonly self: MemberId;
  readonly chains: ChainStore;
  readonly documents: DocumentStore;
  readonly lineIds: LineIds;
  readonly ledger: Ledger;
  readonly commits: LocalCommits;
  /** Where the journal of what is held lies. */
  readonly folder: StorageFolder | undefined;
  readonly environment: ReplicaEnvironment;
  /** A chain that only declares what it refers to. */
  ownChain(chain: Chain): OwnChain;
  /** What is pending in the document was written before what comes now. */
  beforeArrival(document: DocumentName): void;
  /** @throws {SandboxError} FORBIDDEN */
  assertMayWrite(document: DocumentName): void;
}

/** What became of a page's updates. */
export interface PageTaken {
  /** Clock that the page has reached in the document. */
  readonly clock: number;
  /** When what was taken is durable. */
  readonly durable: Promise<void>;
  /** Clocks under ids of others, unknown here: they were left out. */
  readonly foreign: number;
  /** Something is missing in between, or not here yet: the page must be asked for all of it again. */
  readonly incomplete: boolean;
}

export class PageChains {
  readonly #parts: PageChainsParts;
  readonly #open = new Map<number, OwnChain>();
  /** Slots of theirs may be used elsewhere, or were: nothing more is sealed. */
  readonly #retired = new Set<number>();

  readonly #queue: PageQueue;

  constructor(parts: PageChainsParts) {
    this.#parts = parts;
    this.#queue = new PageQueue({
      ...parts,
      take: (incarnation, document, messages) => this.#take(incarnation, document, messages),
    });
  }

  /** One that no chain of this member has. */
  newIncarnation(): number {
    const { self, chains, environment } = this.#parts;
    for (;;) {
      const incarnation = newIncarnation(environment);
      if (chains.get(self, incarnation) === undefined && !this.#open.has(incarnation)) return incarnation;
    }
  }

  /**
   * Takes what a page wrote: signs, stores, sends and shows it. What one envelope brought must be told to a page in one
   * piece: who refers to some of it counts as having had all of it.
   *
   * @param incarnation given to the page by this daemon, and to nobody else
   * @param messages in the order they came
   * @throws {SandboxError} HANDLE_STALE when the page must start anew; FORBIDDEN; BAD_ARGUMENT or LIMIT_EXCEEDED for what
   * cannot be shared: what came before it is taken
   */
  take(incarnation: number, document: DocumentName, messages: readonly PageMessage[]): PageTaken {
    this.flush();
    return this.#take(incarnation, document, messages);
  }

  /**
   * Holds what a page wrote at once: other pages can be shown it, in one piece, and it is taken some milliseconds later.
   *
   * @param incarnation as in {@link take}
   * @returns undefined when it can't be shown before it is taken. `durable` rejects when it could not be taken after all:
   * pages that were shown it have what is nowhere else
   * @throws {SandboxError} HANDLE_STALE, FORBIDDEN, HOME_UNWRITABLE
   */
  hold(incarnation: number, document: DocumentName, messages: readonly PageMessage[]): PageTaken | undefined {
    const { chain } = this.#chain(incarnation);
    return this.#queue.hold(chain, document, messages);
  }

  /** Whether what enters documents now was held, and shown, before. */
  get flushing(): boolean {
    return this.#queue.flushing;
  }

  /** Takes all that is held. */
  flush(): void {
    this.#queue.flush();
  }

  /** Takes what a killed daemon had held. */
  recover(): void {
    this.#queue.recover();
  }

  stop(): void {
    this.#queue.stop();
  }

  #take(incarnation: number, document: DocumentName, messages: readonly PageMessage[]): PageTaken {
    const { self, documents, commits, beforeArrival, assertMayWrite } = this.#parts;
    const own = this.#chain(incarnation);
    beforeArrival(document);
    const client = clientIdOf(self, incarnation);
    const clock = (): number => own.chain.clock(document);
    const { parts, foreign, incomplete } = readPageMessages(messages, documents.doc(document), client, clock());
    const { groups, absent } = this.#group(own, document, parts);
    const taken = { foreign, incomplete: incomplete || absent };
    if (groups.length === 0) return { clock: clock(), durable: Promise.resolve(), ...taken };
    assertMayWrite(document);
    const points = new Map<Draft, readonly Point[]>();
    let at = clock();
    for (const { structs, deletes, refersTo } of groups) {
      for (const update of encodeStructUpdates(structs, client, at, mergeDeletes(deletes), MAX_PAYLOAD_BYTES)) {
        points.set({ document, kind: EnvelopeKind.update, ...update }, refersTo);
        at = update.endClock;
      }
    }
    const before = (draft: Draft): void => {
      for (const point of points.get(draft) ?? []) own.refersTo(point);
    };
    const durable = commits.commit(own, [...points.keys()], { how: 'received', before });
    return { clock: clock(), durable, ...taken };
  }

  /** A chain grew by what did not come from here: whoever wrote it has this incarnation too. */
  grew({ member, incarnation }: Chain): void {
    if (member !== this.#parts.self || !this.#open.has(incarnation)) return;
    this.#open.delete(incarnation);
    this.#retired.add(incarnation);
  }

  /** Chains were rebuilt: those that stand as they stood are gone on with. */
  resume(): void {
    for (const [incarnation, own] of [...this.#open]) {
      const { seq } = own.chain;
      this.#open.delete(incarnation);
      if ((this.#parts.chains.get(this.#parts.self, incarnation)?.seq ?? 0) !== seq) this.#retired.add(incarnation);
    }
  }

  #chain(incarnation: number): OwnChain {
    const known = this.#open.get(incarnation);
    if (known !== undefined) return known;
    const { self, chains, ledger, ownChain } = this.#parts;
    const chain = chains.get(self, incarnation) ?? new Chain(self, incarnation);
    // What is set aside has its slots all the same.
    if (this.#retired.has(incarnation) || chains.isForked(chain) || ledger.setsAside(self, incarnation)) {
      throw new SandboxError('HANDLE_STALE', 'Cannot go on under this document id: it is used up', {
        hint: 'Open the document again.',
      });
    }
    const own = ownChain(chain);
    this.#open.set(incarnation, own);
    return own;
  }

  /** Joins what can be declared together. `absent`: something refers to what is not here, and is left out with the rest. */
  #group(own: OwnChain, document: DocumentName, parts: readonly PagePart[]): { groups: Group[]; absent: boolean } {
    const groups: Group[] = [];
    const declared = new Map<Chain, number>();
    const isNew = (point: Point): boolean =>
      !own.chain.knowledge.has(point) && (declared.get(point.chain) ?? 0) < point.seq;
    for (const part of parts) {
      const refersTo: Point[] = [];
      for (const id of referencesOf(part, own.chain.client)) {
        const point = this.#parts.lineIds.pointOf(document, id);
        if (point === undefined) return { groups, absent: true };
        if (isNew(point)) refersTo.push(point);
      }
      for (const { chain, seq } of refersTo) declared.set(chain, seq);
      const group = refersTo.length === 0 ? groups.at(-1) : undefined;
      if (group === undefined) {
        groups.push({ structs: [...part.structs], deletes: [...part.deletes], refersTo });
      } else {
        group.structs.push(...part.structs);
        group.deletes.push(...part.deletes);
      }
    }
    return { groups, absent: false };
  }
}

/** What becomes one envelope, or several for its size. */
interface Group {
  readonly structs: (Y.GC | Y.Item)[];
  readonly deletes: DeleteRange[];
  /** What its chain had not declared before. */
  readonly refersTo: readonly Point[];
}
