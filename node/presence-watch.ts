/**
 * Notices that nobody can find this daemon any more: its home or a socket of it was removed (a person tidies up, a
 * cleaner of temporary files passes by). It would keep ports and programs that no command reaches: it has to end.
 */

/** Long enough to cost nothing, short enough that a person who starts anew meets no ghost. */
const LOOK_EVERY_MS = 5_000;

export class PresenceWatch {
  readonly #isFound: () => boolean;
  readonly #onLost: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(isFound: () => boolean, onLost: () => void) {
    this.#isFound = isFound;
    this.#onLost = onLost;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#isFound()) return;
      this.stop();
      this.#onLost();
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
