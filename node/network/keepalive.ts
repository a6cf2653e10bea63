/**
 * Notices a peer that is gone without a word: a closed lid, a pulled cable. It counts rounds without a sign of life
 * and not milliseconds, so that a daemon that was itself asleep or busy asks once more before it gives up.
 */

import type { Timers } from './timers.ts';

export interface KeepaliveOptions {
  readonly timers: Timers;
  readonly ping: () => void;
  readonly onDead: () => void;
  /** 2 s by default: the peer is given up after 6 to 8 s of silence. */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 2000;
const MAX_SILENT_ROUNDS = 2;

export class Keepalive {
  readonly #options: KeepaliveOptions;
  #alive = false;
  #silent = 0;
  #cancel: (() => void) | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel ??= this.#options.timers.after(this.#options.intervalMs ?? INTERVAL_MS, () => this.#round());
  }

  /** Call it for every byte that arrives. */
  heard(): void {
    this.#alive = true;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #round(): void {
    this.#cancel = undefined;
    this.#silent = this.#alive ? 0 : this.#silent + 1;
    this.#alive = false;
    if (this.#silent > MAX_SILENT_ROUNDS) return this.#options.onDead();
    if (this.#silent > 0) this.#options.ping();
    this.start();
  }
}
