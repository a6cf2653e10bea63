/** The numbers by which a client names what it was shown: frames, scopes, values. None is ever given twice. */

import { SandboxError } from '#shared/errors.ts';

/** A client that opens more within one stop loses the oldest. */
const MAX_REFERENCES = 50_000;

/** Shared by a session's tables, so that a number of one means nothing in another. */
export class ReferenceCounter {
  #next = 1;

  /** At most 2^31 - 1, as the protocol asks; a session does not live to see it. */
  next(): number {
    return this.#next++;
  }
}

export class ReferenceTable<T> {
  readonly #what: string;
  readonly #counter: ReferenceCounter;
  readonly #onLost: () => void;
  readonly #values = new Map<number, T>();

  /** @param onLost called when the oldest is given up, before the client can be told of the newest */
  constructor(what: string, counter: ReferenceCounter, onLost: () => void = () => undefined) {
    this.#what = what;
    this.#counter = counter;
    this.#onLost = onLost;
  }

  add(value: T): number {
    const reference = this.#counter.next();
    this.#values.set(reference, value);
    if (this.#values.size > MAX_REFERENCES) {
      const oldest = this.#values.keys().next().value;
      if (oldest !== undefined) this.#values.delete(oldest);
      this.#onLost();
    }
    return reference;
  }

  /** @throws {SandboxError} HANDLE_STALE */
  get(reference: number): T {
    const value = this.#values.get(reference);
    if (value !== undefined) return value;
    throw new SandboxError('HANDLE_STALE', `Cannot show ${this.#what} ${reference}: the program has moved on`, {
      hint: 'Look at the stack again.',
    });
  }

  clear(): void {
    this.#values.clear();
  }
}
