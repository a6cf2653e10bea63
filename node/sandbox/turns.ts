/** Lets tasks about the same thing run one after the other, and those about others beside them. */
export class Turns<K> {
  readonly #last = new Map<K, Promise<void>>();

  /** Runs `task` when those that came before it have ended, however they ended. */
  async take<T>(key: K, task: () => Promise<T>): Promise<T> {
    const running = (this.#last.get(key) ?? Promise.resolve()).then(task);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, ended);
    try {
      return await running;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}
