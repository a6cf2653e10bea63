/** One attempt that several callers wait for. Each may give up for itself; the attempt ends when the last one has. */
export class SharedAttempt<T> {
  readonly #controller = new AbortController();
  readonly #result: Promise<T>;
  readonly #waiting = new Set<object>();

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    const { signal } = this.#controller;
    this.#result = new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      work(signal).then(resolve, reject);
    });
    // Everybody may have left by then.
    this.#result.catch(() => undefined);
  }

  /** Nobody can join any more. */
  get ended(): boolean {
    return this.#controller.signal.aborted;
  }

  /** @throws what the work throws, the reason of {@link end}; `signal.reason` on abort, at once */
  join(signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const me = {};
    this.#waiting.add(me);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(me);
      };
      const abort = (): void => {
        leave();
        reject(signal?.reason);
        if (this.#waiting.size === 0) this.end(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#result.finally(leave).then(resolve, reject);
    });
  }

  /** Whoever waits gets the reason, whether or not the work heeds its signal. */
  end(reason: unknown): void {
    this.#controller.abort(reason);
  }
}
