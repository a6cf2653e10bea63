/**
 * Bounds how many console calls per moment leave a program: 100,000 lines a second would drown the daemon and every
 * peer. Whoever drops says how much.
 */

export const MAX_CALLS_PER_WINDOW = 200;
export const WINDOW_MS = 100;

/** Counts calls in fixed windows of time; knows no clock. */
export class ConsoleBurst {
  #windowEndsAt = Number.NEGATIVE_INFINITY;
  #passed = 0;
  #dropped = 0;

  /** @returns whether this call may pass; if not, it is counted */
  admit(nowMs: number): boolean {
    if (nowMs >= this.#windowEndsAt) {
      this.#windowEndsAt = nowMs + WINDOW_MS;
      this.#passed = 0;
    }
    if (this.#passed < MAX_CALLS_PER_WINDOW) {
      this.#passed++;
      return true;
    }
    this.drop();
    return false;
  }

  /** Counts a call that was left out for another reason. */
  drop(): void {
    this.#dropped++;
  }

  /** @returns how many calls were dropped since the last question */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
