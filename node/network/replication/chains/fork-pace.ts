/**
 * How often forks may have a document built anew. One author can bring them about as often as it likes, by lines that
 * branch off in ever lower slots: so the first renews a document at once, and those that follow are gathered, ever
 * longer while they keep coming.
 */

import type { DocumentName } from '#shared/documents/document-name.ts';

const REST_MS = 250;
const LONGEST_REST_MS = 8000;

/** A document that was renewed a moment ago. */
interface Rest {
  due: (() => void) | undefined;
  readonly cancel: () => void;
}

export class ForkPace {
  readonly #after: (ms: number, task: () => void) => () => void;
  readonly #resting = new Map<DocumentName, Rest>();

  /** @param after calls back once after `ms`; the result cancels */
  constructor(after: (ms: number, task: () => void) => () => void) {
    this.#after = after;
  }

  /** Renews a document now, or later once for all forks that come until then: the last `renew` is called. */
  renew(name: DocumentName, renew: () => void): void {
    const rest = this.#resting.get(name);
    if (rest !== undefined) {
      rest.due = renew;
      return;
    }
    this.#rest(name, REST_MS);
    renew();
  }

  /** What was gathered is left: nobody reads any more. */
  stop(): void {
    for (const { cancel } of this.#resting.values()) cancel();
    this.#resting.clear();
  }

  #rest(name: DocumentName, restMs: number): void {
    const cancel = this.#after(restMs, () => {
      const due = this.#resting.get(name)?.due;
      this.#resting.delete(name);
      if (due === undefined) return;
      this.#rest(name, Math.min(restMs * 2, LONGEST_REST_MS));
      due();
    });
    this.#resting.set(name, { due: undefined, cancel });
  }
}
