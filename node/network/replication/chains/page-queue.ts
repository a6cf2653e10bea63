/**
 * What pages wrote on its way to be signed. Checking it, noting it in the journal and showing it to the other pages of
 * this daemon costs a fifth of what signing it and entering it in the document does: so it is shown first, and entered
 * when the turn is over, or, while pages go on writing, with what they wrote within some milliseconds. It stays what it
 * was to replication: each of them is taken by itself and in the order they came, so that who refers to one has had all
 * of it and nothing more.
 */

import { chainOfClient } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { PageMessage } from '#shared/documents/page-update.ts';
import { checkUpdate, TypeDepths } from '#shared/documents/update-check.ts';
import { SandboxError } from '#shared/errors.ts';
import { type PageEntry, PageJournal } from '../../../storage/page-journal.ts';
import type { StorageFolder } from '../../../storage/storage-folder.ts';
import type { DocumentStore } from '../documents/document-store.ts';
import type { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { PageTaken } from './page-chains.ts';

/** After some were entered those that follow are gathered for so long: as the daemon's own edits are at most. */
const GATHER_MS = 8;
const MAX_HELD = 100;
/** What is larger is entered at once: it takes its time anyway. */
const MAX_HELD_BYTES = 16 * 1024;
const JOURNAL_NAME = 'pages.journal';

export interface PageQueueParts {
  readonly chains: ChainStore;
  readonly documents: Pick<DocumentStore, 'depths'>;
  /** Where the journal lies; without it there is none. */
  readonly folder: StorageFolder | undefined;
  readonly environment: { defer(task: () => void): void; after(ms: number, task: () => void): () => void };
  /** @throws {SandboxError} FORBIDDEN */
  assertMayWrite(document: DocumentName): void;
  /** Signs, stores, sends and shows it. @throws {SandboxError} */
  take(incarnation: number, document: DocumentName, messages: readonly PageMessage[]): PageTaken;
}

interface Held {
  readonly incarnation: number;
  readonly document: DocumentName;
  readonly messages: readonly PageMessage[];
  resolve(): void;
  reject(error: SandboxError): void;
}

/** Where a document stands with what is held of it. */
class HeldDocument {
  readonly depths = new TypeDepths();
  readonly #ends = new Map<number, number>();

  end(client: number): number {
    return this.#ends.get(client) ?? 0;
  }

  add(client: number, end: number): void {
    this.#ends.set(client, end);
  }
}

export class PageQueue {
  readonly #parts: PageQueueParts;
  #held: Held[] = [];
  readonly #documents = new Map<DocumentName, HeldDocument>();
  #journal: PageJournal | undefined;
  /** A flush is on its way, or was a moment ago. */
  #gathering = false;
  #cancel: (() => void) | undefined;
  #flushing = false;
  /** There is something in the journal that could not be entered. */
  #isUnread = false;
  #stopped = false;

  constructor(parts: PageQueueParts) {
    this.#parts = parts;
  }

  /** What enters a document now was held before. */
  get flushing(): boolean {
    return this.#flushing;
  }

  /**
   * Holds what a page wrote at once, if nothing but its signature is missing: it goes on where the page stood and refers
   * to nothing that is not here or held. A kill does not lose it.
   *
   * @param chain the page's own
   * @returns undefined when it must be taken at once, which says what is wrong with it
   * @throws {SandboxError} FORBIDDEN, HOME_UNWRITABLE
   */
  hold(chain: Chain, document: DocumentName, messages: readonly PageMessage[]): PageTaken | undefined {
    const end = this.#isPlain(messages) ? this.#check(chain, document, messages) : undefined;
    if (end === undefined) return undefined;
    const { incarnation } = chain;
    this.#note({ incarnation, document, updates: messages.map(({ update }) => update) });
    const durable = new Promise<void>((resolve, reject) => {
      this.#held.push({ incarnation, document, messages, resolve, reject });
    });
    if (this.#held.length >= MAX_HELD) this.flush();
    else this.#flushSoon();
    return { clock: end, durable, foreign: 0, incomplete: false };
  }

  /** Enters all that is held. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    this.#documents.clear();
    if (held.length === 0) return;
    this.#flushing = true;
    try {
      for (const one of held) this.#enter(one);
    } finally {
      this.#flushing = false;
    }
    if (this.#isUnread) this.recover();
    else this.#journal?.clear();
  }

  /** Enters what a killed daemon had held. What finds no room on the disk stays in the journal until there is some. */
  recover(): void {
    if ((this.#parts.folder?.size(JOURNAL_NAME) ?? 0) === 0) return;
    const journal = this.#openJournal();
    this.#isUnread = false;
    for (const { incarnation, document, updates } of journal?.read() ?? []) {
      try {
        const messages = updates.map((update) => ({ update, atOnce: true }));
        this.#parts.take(incarnation, document, messages).durable.catch(() => undefined);
      } catch (thrown) {
        // Nobody was told that it is durable, and its page, which has it, hears why when it comes back: if it does.
        if (SandboxError.from(thrown).code === 'HOME_UNWRITABLE') this.#isUnread = true;
      }
    }
    if (!this.#isUnread) journal?.clear();
  }

  stop(): void {
    this.flush();
    this.#stopped = true;
    this.#cancel?.();
    this.#journal?.close();
    this.#journal = undefined;
  }

  #enter({ incarnation, document, messages, resolve, reject }: Held): void {
    try {
      const { durable, incomplete } = this.#parts.take(incarnation, document, messages);
      // Between its check and now the document was built anew without what it stands on.
      if (incomplete) throw new SandboxError('HANDLE_STALE', 'Cannot go on from what this page shows: it is gone');
      durable.then(resolve, reject);
    } catch (thrown) {
      reject(SandboxError.from(thrown));
    }
  }

  #note(entry: PageEntry): void {
    try {
      this.#parts.assertMayWrite(entry.document);
      this.#openJournal()?.add(entry);
    } catch (thrown) {
      // It does not count as held.
      this.flush();
      throw thrown;
    }
  }

  #isPlain(messages: readonly PageMessage[]): boolean {
    if (this.#stopped || this.#parts.chains.forked || !messages.every(({ atOnce }) => atOnce)) return false;
    return messages.reduce((sum, { update }) => sum + update.length, 0) <= MAX_HELD_BYTES;
  }

  /** @returns the clock the page reaches; undefined when anything is unusual */
  #check(chain: Chain, document: DocumentName, messages: readonly PageMessage[]): number | undefined {
    const { chains, documents } = this.#parts;
    const held = this.#documents.get(document) ?? new HeldDocument();
    const depths = documents.depths(document);
    const { client } = chain;
    const seen = (other: number): number => {
      const name = chainOfClient(other);
      const author = name && chains.get(name.member, name.incarnation);
      return Math.max(author?.clock(document) ?? 0, held.end(other));
    };
    let end = Math.max(chain.clock(document), held.end(client));
    for (const { update } of messages) {
      const verdict = checkUpdate(update, {
        client,
        clock: end,
        seen,
        levelOf: (id) => Math.max(depths.levelOf(id), held.depths.levelOf(id)),
      });
      if (!verdict.ok) return undefined;
      end = verdict.endClock;
      held.depths.add(client, verdict.update, verdict.levels);
      held.add(client, end);
    }
    this.#documents.set(document, held);
    return end;
  }

  #openJournal(): PageJournal | undefined {
    const { folder } = this.#parts;
    if (this.#journal === undefined && folder !== undefined)
      this.#journal = new PageJournal(folder.open(JOURNAL_NAME), () => folder.place());
    return this.#journal;
  }

  #flushSoon(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#parts.environment.defer(() => this.#flushAndGather());
  }

  #flushAndGather(): void {
    if (this.#stopped) return;
    this.flush();
    this.#cancel = this.#parts.environment.after(GATHER_MS, () => {
      this.#gathering = this.#held.length > 0;
      if (this.#gathering) this.#flushAndGather();
    });
  }
}
