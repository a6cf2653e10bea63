/**
 * Who waits for an append-only log's records to be durable, group by group, and how long a group is gathered. Whoever
 * writes on while a sync runs does not wait for it: then syncs follow each other at longer intervals, since each wakes
 * a thread, busies the disk and holds up what is written meanwhile.
 */

import type { SandboxError } from '#shared/errors.ts';

const DELAY_MS = 2;
/** Whoever waits to hear that something is durable waits for a disk's sync or two, not for company. */
const MAX_DELAY_MS = 5;

interface Waiter {
  resolve(): void;
  reject(error: SandboxError): void;
}

export class SyncGroup {
  #waiting: Waiter[] = [];
  /** Those whose records the running sync covers. */
  #served: Waiter[] = [];
  #delayMs = DELAY_MS;

  /** How long the oldest record of a group waits for others, in milliseconds. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Whether somebody waits for a sync that has not begun. */
  get awaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves with the sync that runs, where that covers all there is; else with the next. */
  wait(covered: boolean): Promise<void> {
    const queue = covered ? this.#served : this.#waiting;
    return new Promise((resolve, reject) => queue.push({ resolve, reject }));
  }

  /** A sync begins, for all who wait by now. */
  begin(): void {
    this.#served = this.#waiting;
    this.#waiting = [];
  }

  /** It is done. */
  end(): void {
    const served = this.#served;
    this.#served = [];
    this.#delayMs = this.awaited ? Math.min(2 * this.#delayMs, MAX_DELAY_MS) : DELAY_MS;
    for (const waiter of served) waiter.resolve();
  }

  /** Those who wait for the next one need not wait any more. */
  refuse(error: SandboxError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  /** Nobody need wait any more. */
  fail(error: SandboxError): void {
    const waiters = [...this.#served, ...this.#waiting];
    this.#served = [];
    this.#waiting = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}
