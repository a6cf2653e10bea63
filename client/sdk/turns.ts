/**
 * Lets so many calls be under way at once; the others wait for their turn, in the order they came. A daemon refuses what is
 * too much at once on one connection, and a program that asks for a thousand things together means it.
 */

import { SandboxError } from '#shared/errors.ts';

/** Timers hold no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface TurnOptions {
  /** Named in the text of TIMEOUT. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class Turns {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns false when none is free; with true {@link give} is to follow */
  tryTake(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken++;
    return true;
  }

  /**
   * Waits for one that is given back; {@link give} is to follow.
   *
   * @returns milliseconds that are left of `timeoutMs`, at least 1
   * @throws {SandboxError} TIMEOUT; `signal.reason` on abort
   */
  wait({ what, timeoutMs, signal }: TurnOptions): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(go);
      };
      const go = (): void => {
        leave();
        resolve(Math.max(1, Math.floor(timeoutMs - (performance.now() - startedAt))));
      };
      const give = (reason: unknown): void => {
        leave();
        reject(reason);
      };
      const abort = (): void => give(signal?.reason);
      const late = `No answer to ${what} within ${timeoutMs} ms: ${this.#most} calls of this client are under way`;
      const timer = setTimeout(() => give(new SandboxError('TIMEOUT', late)), Math.min(timeoutMs, MAX_TIMER_MS));
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(go);
    });
  }

  /** Gives back what was taken: to who has waited longest. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken--;
    else next();
  }
}
