/** A typed, synchronous event emitter that works in a daemon and in a browser alike. */

type Listener<T> = (event: T) => void;

/**
 * Listeners run in the order they were added; one that throws does not keep the others from running: its error is
 * rethrown in a microtask, where the process's own handler sees it.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** @returns a function that removes the listener; calling it twice is harmless */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    set.add(listener as Listener<never>);
    return () => void set.delete(listener as Listener<never>);
  }

  /** Resolves with the next event of that name that passes `test`; rejects with `signal.reason`. */
  next<K extends keyof Events>(
    name: K,
    options: { test?: (event: Events[K]) => boolean; signal?: AbortSignal } = {},
  ): Promise<Events[K]> {
    return new Promise((resolve, reject) => {
      const { signal, test } = options;
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        off();
        reject(signal?.reason);
      };
      const off = this.on(name, (event) => {
        if (test !== undefined && !test(event)) return;
        off();
        signal?.removeEventListener('abort', abort);
        resolve(event);
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[K]>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  removeAll(): void {
    this.#listeners.clear();
  }
}
