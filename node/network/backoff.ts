/** How long to wait before trying again: doubling, capped, with jitter so that peers do not knock in step. */

const FIRST_DELAY_MS = 250;
/** A dial to nobody costs some packets: twice a minute for ever is cheap, and a lid that opens is noticed soon. */
const MAX_DELAY_MS = 30_000;
const MAX_DOUBLINGS = 16;

export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** @param random 0 ≤ x < 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** @returns ms until the next try: between half and all of the current step */
  next(): number {
    const step = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, MAX_DOUBLINGS);
    return step * (0.5 + this.#random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
