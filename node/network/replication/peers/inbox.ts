/** Messages of one peer that cannot be taken yet, in the order they came, bounded in bytes. */

/** Bytes a peer may have waiting. */
const MAX_BYTES = 32 * 1024 * 1024;

export class Inbox {
  readonly #onOverflow: () => void;
  #next: Uint8Array[] = [];
  #held: Uint8Array[] = [];
  #bytes = 0;

  constructor(onOverflow: () => void) {
    this.#onOverflow = onOverflow;
  }

  /** To be taken when its turn comes. */
  push(message: Uint8Array): void {
    this.#next.push(message);
    this.#count(message);
  }

  /** To be taken when {@link release} says so. */
  hold(message: Uint8Array): void {
    this.#held.push(message);
    this.#count(message);
  }

  /** What was held comes next. */
  release(): void {
    this.#next = [...this.#held, ...this.#next];
    this.#held = [];
  }

  shift(): Uint8Array | undefined {
    const message = this.#next.shift();
    this.#bytes -= message?.length ?? 0;
    return message;
  }

  clear(): void {
    this.#next = [];
    this.#held = [];
    this.#bytes = 0;
  }

  #count({ length }: Uint8Array): void {
    this.#bytes += length;
    if (this.#bytes > MAX_BYTES) this.#onOverflow();
  }
}
