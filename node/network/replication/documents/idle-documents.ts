/** Lets go of Y.Docs that nobody asked for in a while, so that a sandbox of a thousand drafts costs what is read of it. */

import type { DocumentStore } from './document-store.ts';

/** Reading and editing come in bouts: within one a document is not built twice. */
const IDLE_MS = 60_000;

export class IdleDocuments {
  readonly #documents: DocumentStore;
  readonly #after: (ms: number, task: () => void) => () => void;
  #cancel: (() => void) | undefined;

  /** @param after calls back once; the result cancels */
  constructor(documents: DocumentStore, after: (ms: number, task: () => void) => () => void) {
    this.#documents = documents;
    this.#after = after;
  }

  /** A document was asked for. */
  touch(): void {
    if (this.#cancel !== undefined) return;
    const { uses } = this.#documents;
    this.#cancel = this.#after(IDLE_MS, () => {
      this.#cancel = undefined;
      if (this.#documents.releaseIdle(uses) > 0) this.touch();
    });
  }

  stop(): void {
    this.#cancel?.();
  }
}
