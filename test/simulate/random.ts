/** Everything random in a run: streams of numbers that follow from the run's seed and a name alone. */

import { randomFrom } from '#test/seed.ts';

export class Random {
  readonly #seed: number;
  readonly #next: () => number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#next = randomFrom(this.#seed);
  }

  /** A stream of its own: what is drawn from it shifts nothing here. */
  fork(name: string): Random {
    // FNV-1a over seed and name
    let hash = (0x811c9dc5 ^ this.#seed) >>> 0;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
    return new Random(hash ^ (this.#seed << 7));
  }

  /** In [0, 1). */
  unit(): number {
    return this.#next();
  }
  chance(probability: number): boolean {
    return this.#next() < probability;
  }
  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.#next() * count);
  }
  between(low: number, high: number): number {
    return low + this.#next() * (high - low);
  }
  /** Mostly near `low`, now and then far above: waiting times look like that. */
  skewed(low: number, high: number): number {
    return low * (high / low) ** (this.#next() ** 3);
  }
  /** @param list not empty */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
