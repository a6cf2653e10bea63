/** A map that forgets what was used longest ago once the cost of its entries exceeds a budget. */

export class BoundedCache<K, V> {
  /** Insertion order is order of last use. */
  readonly #entries = new Map<K, { readonly value: V; readonly cost: number }>();
  readonly #budget: number;
  #held = 0;

  /** @param budget in the unit of the costs given to `set`; the newest entry stays even when it alone exceeds it */
  constructor(budget: number) {
    this.#budget = budget;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: K, value: V, cost = 1): void {
    this.delete(key);
    this.#entries.set(key, { value, cost });
    this.#held += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#held <= this.#budget || oldest === key) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#held -= entry.cost;
  }

  get size(): number {
    return this.#entries.size;
  }
}
