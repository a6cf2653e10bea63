/** Stops the daemon when nothing has needed it for a while; a daemon nobody uses is a cost nobody asked for. */

export class IdleWatch {
  readonly #idleMs: number;
  readonly #isNeeded: () => boolean;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param idleMs how long nothing may need it
   * @param isNeeded asked again when the time is up: a need that announced itself to nobody still counts
   */
  constructor(idleMs: number, isNeeded: () => boolean, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#isNeeded = isNeeded;
    this.#onIdle = onIdle;
  }

  /** Starts the time anew; call it whenever something came or went. */
  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isNeeded()) this.touch();
      else this.#onIdle();
    }, this.#idleMs);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
