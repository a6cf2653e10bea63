/** How many snapshots may be kept: storing one takes a millisecond, and one in a loop is not to fill the ring with itself. */

import type { Timers } from '../debug/timers.ts';

const BURST = 10;
const PER_SECOND = 4;

export class SnapshotAllowance {
  readonly #timers: Timers;
  #left = BURST;
  #refilledAt: number;
  #passedOver = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.#refilledAt = timers.now();
  }

  /** @returns false when there is none left; it is counted */
  take(): boolean {
    const now = this.#timers.now();
    this.#left = Math.min(BURST, this.#left + ((now - this.#refilledAt) / 1000) * PER_SECOND);
    this.#refilledAt = now;
    if (this.#left < 1) {
      this.#passedOver += 1;
      return false;
    }
    this.#left -= 1;
    return true;
  }

  /** Those that were not allowed since this was last asked. */
  takePassedOver(): number {
    const count = this.#passedOver;
    this.#passedOver = 0;
    return count;
  }
}
