/** Time that passes when a test says so: the timers of the engine and of the network in one. */

import type { Timers as EngineTimers } from '#node/engine/debug/timers.ts';
import type { Timers as NetworkTimers } from '#node/network/timers.ts';

export class FakeTimers implements EngineTimers, NetworkTimers {
  #now = 0;
  readonly #tasks = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const task = { at: this.#now + delayMs, run };
    this.#tasks.add(task);
    return () => void this.#tasks.delete(task);
  }

  /** Tasks that wait. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Runs what falls due, in order of time. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#tasks].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = until;
  }
}
