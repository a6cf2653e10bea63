/**
 * Tells of requests that the guard refused, in so many lines a minute: a page that tries a thousand times fills no
 * disk, and hides nothing else that the log says.
 */

import { realTimers, type Timers } from '../../network/timers.ts';
import type { Refusal } from './request-guard.ts';

const WINDOW_MS = 60_000;
/** Lines of their own in a window; the rest are counted. */
export const MAX_REFUSAL_LINES = 20;

export interface RefusalSink {
  onRefusal(refusal: Refusal): void;
  /** @param counts how many more there were in the last minute, by status */
  onMoreRefusals(counts: Readonly<Record<number, number>>): void;
}

export class RefusalLog {
  readonly #sink: RefusalSink;
  readonly #timers: Timers;
  #lines = 0;
  #counts: Record<number, number> = {};
  #cancelWindow: (() => void) | undefined;

  constructor(sink: RefusalSink, timers: Timers = realTimers) {
    this.#sink = sink;
    this.#timers = timers;
  }

  note(refusal: Refusal): void {
    this.#cancelWindow ??= this.#timers.after(WINDOW_MS, () => this.stop());
    if (this.#lines < MAX_REFUSAL_LINES) {
      this.#lines++;
      this.#sink.onRefusal(refusal);
    } else {
      this.#counts[refusal.status] = (this.#counts[refusal.status] ?? 0) + 1;
    }
  }

  /** Ends the minute: tells what was counted. The next refusal begins another. */
  stop(): void {
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
    const counts = this.#counts;
    this.#lines = 0;
    this.#counts = {};
    if (Object.keys(counts).length > 0) this.#sink.onMoreRefusals(counts);
  }
}
