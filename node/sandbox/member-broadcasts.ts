/**
 * What other members' daemons broadcast, let through to the clients here as far as each member's rates go. Of presence
 * only the latest matters: what was over the rate is shown when it settles. Console lines over it are left out, and
 * said so once in a while.
 */

import type { TopicEvent, TopicName } from '#protocol/topics.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Presence } from '#shared/model/member.ts';
import { type HostTopic, isHostTopic } from '../engine/debug/published/host-broadcasts.ts';
import type { MemberRates } from './member-rates.ts';

const SETTLE_MS = 500;
const TELL_EVERY_MS = 10_000;
/** Around the text of a console line, and all of a reading. */
const EVENT_CHARS = 200;

export interface BroadcastSink {
  /** About a program of that member's. */
  onTarget(member: MemberId, topic: HostTopic, event: unknown): void;
  onPresence(presence: Presence): void;
  onLeftOut(member: MemberId): void;
}

export class MemberBroadcasts {
  readonly #rates: MemberRates;
  readonly #sink: BroadcastSink;
  readonly #settling = new Map<MemberId, { latest: Presence; readonly timer: NodeJS.Timeout }>();
  readonly #told = new Map<MemberId, number>();

  constructor(rates: MemberRates, sink: BroadcastSink) {
    this.#rates = rates;
    this.#sink = sink;
  }

  /** @param event has its topic's shape; what the member may not speak of is ignored */
  accept(member: MemberId, topic: TopicName, event: unknown): void {
    if (topic === 'presence') {
      const { presence } = event as TopicEvent<'presence'>;
      if (presence.member === member) this.#onPresence(presence);
    } else if (isHostTopic(topic)) {
      if (this.#rates.take(member, 'broadcast', sizeOf(topic, event))) this.#sink.onTarget(member, topic, event);
      else this.#tell(member);
    }
  }

  stop(): void {
    for (const { timer } of this.#settling.values()) clearTimeout(timer);
    this.#settling.clear();
  }

  #onPresence(presence: Presence): void {
    const { member } = presence;
    const settling = this.#settling.get(member);
    if (settling !== undefined) {
      settling.latest = presence;
      return;
    }
    if (this.#rates.take(member, 'presence')) return this.#sink.onPresence(presence);
    const timer = setTimeout(() => {
      const { latest } = this.#settling.get(member) ?? { latest: presence };
      this.#settling.delete(member);
      this.#sink.onPresence(latest);
    }, SETTLE_MS);
    timer.unref();
    this.#settling.set(member, { latest: presence, timer });
  }

  #tell(member: MemberId): void {
    const now = performance.now();
    if (now - (this.#told.get(member) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.#told.set(member, now);
    this.#sink.onLeftOut(member);
  }
}

function sizeOf(topic: HostTopic, event: unknown): number {
  if (topic === 'metrics' || topic === 'values') return EVENT_CHARS;
  if (topic === 'hits') return JSON.stringify(event).length;
  const { lines } = event as TopicEvent<'output'>;
  return lines.reduce((sum, { text }) => sum + text.length + EVENT_CHARS, 0);
}
