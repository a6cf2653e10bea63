/** Calls that wait for an answer: by id, each with its time limit and its caller's way of giving up. */

import { SandboxError } from '#shared/errors.ts';

/** Timers hold no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface OpenCall {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export interface WaitOptions {
  /** Named in the text of TIMEOUT. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sends the call; what it throws rejects. */
  readonly send: () => void;
  /** The caller gave up, or the time is over: the other side should too. */
  readonly cancel: () => void;
}

export class OpenCalls<Id extends number | string> {
  readonly #open = new Map<Id, OpenCall>();

  /**
   * Sends and waits.
   *
   * @throws {SandboxError} TIMEOUT, what {@link settle} is told, or the reason of {@link end}; `signal.reason` on abort
   */
  wait(id: Id, { what, timeoutMs, signal, send, cancel }: WaitOptions): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#open.delete(id);
      };
      const abandon = (error: unknown): void => {
        forget();
        cancel();
        reject(error);
      };
      const abort = (): void => abandon(signal?.reason);
      const late = (): void => abandon(new SandboxError('TIMEOUT', `No answer to ${what} within ${timeoutMs} ms`));
      const timer = setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS));
      signal?.addEventListener('abort', abort, { once: true });
      this.#open.set(id, {
        resolve: (result) => {
          forget();
          resolve(result);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      });
      try {
        send();
      } catch (error) {
        forget();
        reject(error);
      }
    });
  }

  /** An answer came. One after timeout or cancel has nobody waiting. */
  settle(id: Id, outcome: { readonly result: unknown } | { readonly error: unknown }): void {
    const call = this.#open.get(id);
    if ('error' in outcome) call?.reject(outcome.error);
    else call?.resolve(outcome.result);
  }

  /** No answer will come any more. */
  end(reason: unknown): void {
    for (const call of [...this.#open.values()]) call.reject(reason);
  }
}
