/**
 * One run of a daemon's process. Every effect it has on the world (a write, a message) passes here, so that the process
 * can die between any two of them.
 */

export class Life {
  readonly name: string;
  readonly #onFuse: () => void;
  #alive = true;
  #fuse = 0;

  /** @param onFuse the lit fuse burnt down: the process has just died */
  constructor(name: string, onFuse: () => void) {
    this.name = name;
    this.#onFuse = onFuse;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Dies at its `effects`-th effect from now. */
  light(effects: number): void {
    this.#fuse = effects;
  }

  /** To be asked before each effect: false when it must not happen any more. */
  effect(): boolean {
    if (this.#alive && this.#fuse > 0 && --this.#fuse === 0) {
      this.#alive = false;
      this.#onFuse();
    }
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
  }
}
