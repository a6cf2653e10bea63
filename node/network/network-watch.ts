/**
 * Notices that the network is another one: a cable, another Wi-Fi, a lid that opened. Peers that could not be reached are
 * worth a try at once then, however long it has been in vain. Looking costs some microseconds; no system tells of it alike.
 */

import { networkInterfaces } from 'node:os';
import type { Timers } from './timers.ts';

const LOOK_EVERY_MS = 2_000;
/** The wall clock goes on while a machine sleeps, timers do not. */
const SLEPT_MS = 10_000;

export interface NetworkWatchOptions {
  readonly timers: Timers;
  /** In ms since 1970. */
  readonly wallClock: () => number;
  readonly onChange: () => void;
  /** Of the machine's interfaces that are up; the system's unless given. */
  readonly addresses?: () => readonly string[];
}

export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  readonly #addresses: () => readonly string[];
  #known = '';
  #lookedAt = 0;
  #cancel: (() => void) | undefined;

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
    this.#addresses = options.addresses ?? systemAddresses;
  }

  /** Idempotent. */
  start(): void {
    if (this.#cancel !== undefined) return;
    this.#look();
    this.#wait();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(): void {
    this.#cancel = this.#options.timers.after(LOOK_EVERY_MS, () => {
      const { lookedAt, known } = { lookedAt: this.#lookedAt, known: this.#known };
      this.#look();
      this.#wait();
      const slept = this.#lookedAt - lookedAt > LOOK_EVERY_MS + SLEPT_MS;
      // Where there is no address left nobody can be reached anyway.
      if (this.#known !== '' && (slept || this.#known !== known)) this.#options.onChange();
    });
  }

  #look(): void {
    this.#lookedAt = this.#options.wallClock();
    this.#known = [...this.#addresses()].sort().join(' ');
  }
}

function systemAddresses(): string[] {
  const all = Object.entries(networkInterfaces());
  return all.flatMap(([name, addresses = []]) => addresses.map(({ address }) => `${name}/${address}`));
}
