/**
 * Hands events to whoever subscribed: the last step of every command's walk. Gateways subscribe for their clients;
 * engines, requests and the network publish.
 */

import type { Broadcast, TopicEvent, TopicName } from '#protocol/topics.ts';
import type { SandboxId } from '#shared/ids.ts';

export interface Subscription {
  /** Replaces the topics listened to. */
  setTopics(topics: readonly TopicName[]): void;
  topics(): readonly TopicName[];
  close(): void;
}

interface Subscriber {
  topics: ReadonlySet<TopicName>;
  readonly sandbox: SandboxId | undefined;
  readonly deliver: (broadcast: Broadcast) => void;
}

export class TopicHub {
  readonly #subscribers = new Set<Subscriber>();
  /** `sandbox topic` → events published; per topic, so that a subscriber of one sees by a gap that it missed some. */
  readonly #sequences = new Map<string, number>();

  /** Whether anybody listens: spares the work of building an event. */
  wanted(sandbox: SandboxId, topic: TopicName): boolean {
    for (const subscriber of this.#subscribers) if (listens(subscriber, sandbox, topic)) return true;
    return false;
  }

  publish<T extends TopicName>(sandbox: SandboxId, topic: T, event: TopicEvent<T>): void {
    const key = `${sandbox} ${topic}`;
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    const broadcast: Broadcast = { topic, event, metadata: { sandbox, sequence } };
    for (const subscriber of [...this.#subscribers]) {
      if (listens(subscriber, sandbox, topic)) subscriber.deliver(broadcast);
    }
  }

  /**
   * @param sandbox undefined: every sandbox of this daemon
   * @param deliver must not throw and not block; a slow client's queue is its gateway's business
   */
  subscribe(
    sandbox: SandboxId | undefined,
    topics: readonly TopicName[],
    deliver: (broadcast: Broadcast) => void,
  ): Subscription {
    const subscriber: Subscriber = { topics: new Set(topics), sandbox, deliver };
    this.#subscribers.add(subscriber);
    return {
      setTopics: (next) => {
        subscriber.topics = new Set(next);
      },
      topics: () => [...subscriber.topics],
      close: () => void this.#subscribers.delete(subscriber),
    };
  }
}

function listens(subscriber: Subscriber, sandbox: SandboxId, topic: TopicName): boolean {
  return (subscriber.sandbox === undefined || subscriber.sandbox === sandbox) && subscriber.topics.has(topic);
}
