/**
 * One subscription's queue between the socket and whoever iterates. Bounded: a reader that falls behind loses the
 * oldest events and is told how many.
 */

import type { TopicEvent, TopicName } from '#protocol/topics.ts';
import type { SandboxId } from '#shared/ids.ts';

/** Events of all topics of one subscription, told apart by `topic`. */
export type TopicMessage<T extends TopicName = TopicName> = {
  [K in T]: {
    readonly topic: K;
    readonly event: TopicEvent<K>;
    readonly sandbox: SandboxId;
    /** Grows by one per event of that topic in the sandbox; a gap means events were missed. */
    readonly sequence: number;
    /** Events dropped right before this one because the reader was too slow. */
    readonly dropped?: number;
  };
}[T];

export const MAX_QUEUED_EVENTS = 10_000;

export class Subscription<T extends TopicName> implements AsyncIterableIterator<TopicMessage<T>> {
  readonly topics: readonly T[];
  readonly #queue: TopicMessage<T>[] = [];
  readonly #onEnd: () => void;
  readonly #limit: number;
  /** Reads that came before their event, oldest first: a caller may ask for the next before it has the one before. */
  readonly #waiting: { resolve(result: IteratorResult<TopicMessage<T>>): void; reject(error: unknown): void }[] = [];
  #dropped = 0;
  #ended = false;
  #failure: unknown;

  /** @param onEnd runs once, when the reader stops or the client closes */
  constructor(topics: readonly T[], onEnd: () => void, limit = MAX_QUEUED_EVENTS) {
    this.topics = topics;
    this.#onEnd = onEnd;
    this.#limit = limit;
  }

  push(message: TopicMessage<T>): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: message });
    this.#queue.push(message);
    if (this.#queue.length > this.#limit) {
      this.#queue.shift();
      this.#dropped++;
    }
  }

  /** Ends the iteration after what is queued; with `failure` the next read rejects with it. Safe to call twice. */
  end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#onEnd();
    for (const waiting of this.#waiting.splice(0)) {
      if (failure === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(failure);
    }
  }

  next(): Promise<IteratorResult<TopicMessage<T>>> {
    const message = this.#queue.shift();
    if (message !== undefined) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: dropped > 0 ? { ...message, dropped } : message });
    }
    if (this.#ended) {
      return this.#failure === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<TopicMessage<T>>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
