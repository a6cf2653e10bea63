/**
 * AbortControllers of calls that ended unaborted, to be used again: making one costs more than most commands, and whoever
 * listened to a call's signal has stopped when the call has ended.
 */

const MOST_KEPT = 64;

export class SpareAborts {
  readonly #kept: AbortController[] = [];

  take(): AbortController {
    return this.#kept.pop() ?? new AbortController();
  }

  /** @param controller of a call that has ended; nobody may abort it after this */
  giveBack(controller: AbortController): void {
    if (!controller.signal.aborted && this.#kept.length < MOST_KEPT) this.#kept.push(controller);
  }
}
