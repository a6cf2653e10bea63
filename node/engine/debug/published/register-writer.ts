/**
 * Writes this host's registers: at once while somebody is connected who waits to read them, else a moment later, so
 * that a program that stands does not wait for a signature that nobody waits for.
 */

import type { Replica } from '../../../network/replication/replica-interface.ts';
import type { Timers } from '../timers.ts';

/** Signing and storing takes 0.5 ms, which would fall into the stops of a program that is stopped again and again. */
const ALONE_LAG_MS = 50;

export class RegisterWriter {
  readonly #replica: Replica;
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Map<string, unknown>();
  #cancel: (() => void) | undefined;

  constructor(replica: Replica, timers: Timers, onError: (error: unknown) => void) {
    this.#replica = replica;
    this.#timers = timers;
    this.#onError = onError;
  }

  /** @param value must not change afterwards; null removes the register */
  write(key: string, value: unknown): void {
    this.#waiting.set(key, value);
    if (this.#replica.connected().length > 0) this.flush();
    else this.#cancel ??= this.#timers.after(ALONE_LAG_MS, () => this.flush());
  }

  /** Hands on what waits, in the order it was first written. Never waits for the disk: a crash may lose it. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const writes = [...this.#waiting];
    this.#waiting.clear();
    for (const [key, value] of writes) this.#replica.writeRegister('host', key, value).catch(this.#onError);
  }
}
