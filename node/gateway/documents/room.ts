/**
 * One document and the pages that have it open. What a page writes goes to the replica, and what the document becomes
 * goes to the pages once it is in the log file, each envelope in one piece: a page is never told what a crash could take
 * back, and never has half of what it then counts as having seen. What one page wrote at once goes to the others as it
 * came, once it is in the journal of pages, see `page-queue.ts`.
 */

import * as Y from 'yjs';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { PageMessage } from '#shared/documents/page-update.ts';
import type { PageTaken } from '../../network/replication/chains/page-chains.ts';
import type { SandboxReplica } from '../../network/replication/sandbox-replica.ts';
import { awarenessMessage, step1Message, step2Message, updateMessage } from './page-messages.ts';
import { type AwarenessEntry, encodeAwareness, type Identity, RoomAwareness } from './room-awareness.ts';

/** A page's connection as its room sees it. */
export interface RoomPage {
  readonly incarnation: number;
  readonly client: number;
  send(message: Uint8Array): void;
  /** There is something new here that it may have waited for. */
  onNews(): void;
  /** The room is of the past. */
  expire(): void;
  /** The sandbox is not here any more. */
  end(): void;
}

export interface RoomOptions {
  readonly replica: Pick<SandboxReplica, 'document' | 'events' | 'pages' | 'sealPending'>;
  readonly document: DocumentName;
  /** Of the document, now. */
  readonly generation: () => number;
  readonly identify: (client: number) => Identity;
}

export class Room {
  readonly document: DocumentName;
  readonly pages = new Set<RoomPage>();
  readonly awareness: RoomAwareness;
  readonly #options: RoomOptions;
  readonly #generation: number;
  readonly #off: (() => void)[];
  #doc: Y.Doc;
  /** What the document became and pages were not told yet. */
  #held: { readonly update: Uint8Array; readonly from: RoomPage | undefined }[] = [];
  #writing: RoomPage | undefined;
  #telling = false;

  constructor(options: RoomOptions) {
    const { replica, document } = options;
    this.#options = options;
    this.document = document;
    this.#generation = options.generation();
    this.awareness = new RoomAwareness(options.identify, (entries) => this.#tellStates(entries));
    this.#doc = this.#attach();
    this.#off = [
      replica.events.on('change', (change) => {
        if (change.document === document) this.#tellSoon();
      }),
      replica.events.on('reset', (reset) => {
        if (reset.document === document) this.#reset();
      }),
    ];
  }

  /** Whoever was in it is sent away by its gateway. */
  close(): void {
    for (const off of this.#off) off();
    this.#detach();
  }

  join(page: RoomPage): void {
    this.pages.add(page);
    page.send(this.askAll());
    page.send(this.states(page));
  }

  leave(page: RoomPage): void {
    if (this.pages.delete(page)) this.awareness.set(page.client, null);
  }

  /** Where everybody but the page itself is. */
  states(page: RoomPage): Uint8Array {
    return awarenessMessage(encodeAwareness(this.awareness.all().filter(({ client }) => client !== page.client)));
  }

  /** @throws {SandboxError} see {@link PageChains.take} */
  take(page: RoomPage, messages: readonly PageMessage[]): PageTaken {
    const held = this.#options.replica.pages.hold(page.incarnation, this.document, messages);
    if (held !== undefined) {
      this.#show(page, messages, held);
      return held;
    }
    this.#writing = page;
    try {
      return this.#options.replica.pages.take(page.incarnation, this.document, messages);
    } finally {
      this.#writing = undefined;
    }
  }

  /** Asks a page for all that is not here. */
  askAll(): Uint8Array {
    this.#options.replica.sealPending(this.document);
    return step1Message(Y.encodeStateVector(this.#doc));
  }

  /** Everything beyond a page's state vector. */
  answer(stateVector: Uint8Array): Uint8Array {
    this.#options.replica.sealPending(this.document);
    return step2Message(Y.encodeStateAsUpdate(this.#doc, stateVector));
  }

  /** Shows the other pages what one wrote, before it is signed. */
  #show(page: RoomPage, messages: readonly PageMessage[], { durable }: PageTaken): void {
    const news = merge(messages) as Uint8Array;
    const others = [...this.pages].filter((other) => other !== page);
    for (const other of others) {
      other.send(news);
      other.onNews();
    }
    // It could not be taken after all: they have what the document will never have.
    durable.catch(() => {
      for (const other of others) if (this.pages.has(other)) other.expire();
    });
  }

  readonly #onUpdate = (update: Uint8Array): void => {
    if (this.#options.replica.pages.flushing) return;
    this.#held.push({ update, from: this.#writing });
  };

  #attach(): Y.Doc {
    const doc = this.#options.replica.document(this.document);
    doc.on('update', this.#onUpdate);
    return doc;
  }

  #detach(): void {
    this.#doc.off('update', this.#onUpdate);
    this.#held = [];
  }

  /** What changed may still be on its way to the log file: it is there when this turn is over. */
  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  #tell(): void {
    const held = this.#held.splice(0);
    if (held.length === 0) return;
    const authors = new Set(held.map(({ from }) => from));
    const everything = merge(held);
    for (const page of [...this.pages]) {
      const news = authors.has(page) ? merge(held.filter(({ from }) => from !== page)) : everything;
      if (news === undefined) continue;
      page.send(news);
      page.onNews();
    }
  }

  /** A page's own state is its own to say. */
  #tellStates(entries: readonly AwarenessEntry[]): void {
    for (const page of this.pages) {
      const others = entries.filter(({ client }) => client !== page.client);
      if (others.length > 0) page.send(awarenessMessage(encodeAwareness(others)));
    }
  }

  #reset(): void {
    this.#detach();
    if (this.#options.generation() === this.#generation) {
      // Rebuilt without what pages never saw; what they were about to be told went with it.
      this.#doc = this.#attach();
      const everything = updateMessage(Y.encodeStateAsUpdate(this.#doc));
      for (const page of this.pages) page.send(everything);
      return;
    }
    for (const page of [...this.pages]) page.expire();
  }
}

function merge(held: readonly { readonly update: Uint8Array }[]): Uint8Array | undefined {
  const [first, ...more] = held;
  if (first === undefined) return undefined;
  return updateMessage(more.length === 0 ? first.update : Y.mergeUpdates(held.map(({ update }) => update)));
}
