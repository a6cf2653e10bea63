/**
 * Simulated time: a queue of events, run one by one in the order of their time. Nothing else in a run makes anything
 * happen, and each event is followed by quiescence.
 */

import { quiescence } from './quiescence.ts';
import type { Trace } from './trace.ts';

interface Event {
  readonly at: number;
  /** Breaks ties. */
  readonly order: number;
  readonly what: string;
  readonly task: () => void;
  cancelled: boolean;
}

export class Scheduler {
  readonly #trace: Trace;
  readonly #onError: (error: unknown, what: string) => void;
  /** A binary heap. */
  readonly #queue: Event[] = [];
  #order = 0;
  #now = 0;
  #count = 0;

  constructor(trace: Trace, onError: (error: unknown, what: string) => void) {
    this.#trace = trace;
    this.#onError = onError;
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }
  /** Events that ran. */
  get count(): number {
    return this.#count;
  }

  /**
   * @param what goes into the trace; empty for what is not worth a line
   * @returns cancels it
   */
  after(ms: number, what: string, task: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, what, task, cancelled: false };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Runs events until `done` holds, none is left, or simulated time has passed `limit`. @returns whether it held */
  async runUntil(limit: number, done: () => boolean = () => false): Promise<boolean> {
    while (!done()) {
      const event = this.#queue[0];
      if (event === undefined || event.at > limit) {
        this.#now = Math.max(this.#now, limit);
        return false;
      }
      this.#pop();
      if (event.cancelled) continue;
      this.#now = event.at;
      this.#count++;
      if (event.what !== '') this.#trace.line(this.#now, event.what);
      try {
        event.task();
      } catch (error) {
        this.#onError(error, event.what);
      }
      await quiescence();
    }
    return true;
  }

  #push(event: Event): void {
    const queue = this.#queue;
    let at = queue.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, queue[parent] as Event)) break;
      queue[at] = queue[parent] as Event;
      at = parent;
    }
    queue[at] = event;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop() as Event;
    if (queue.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1] as Event, queue[child] as Event)) child++;
      if (!isBefore(queue[child] as Event, last)) break;
      queue[at] = queue[child] as Event;
      at = child;
    }
    queue[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
