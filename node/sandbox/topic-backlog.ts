/**
 * The last events of every topic, so that a client whose connection broke can go on where it was. Kept only while
 * somebody has listened over a gateway that can resume, and a while longer.
 */

import { randomBytes } from 'node:crypto';
import type { Broadcast, TopicName } from '#protocol/topics.ts';
import { TOPIC_NAMES } from '#protocol/topics.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Subscription, TopicHub } from './topic-hub.ts';

/** Some minutes of a busy session. */
const MAX_EVENTS = 2_000;
/** A listener that stays away longer finds nothing; until then events are kept for it. */
const KEEP_MS = 120_000;
/** Output and metrics come in floods and may fill this much of the ring at most. */
const MAX_EVENT_CHARS = 64 * 1024;

interface Kept {
  readonly number: number;
  readonly broadcast: Broadcast;
}

export interface Replay {
  readonly events: readonly { readonly broadcast: Broadcast; readonly cursor: string; readonly number: number }[];
  readonly complete: boolean;
  /** Everything after it is among the events, or comes from now on. */
  readonly from: number;
}

export class TopicBacklog {
  readonly #hub: TopicHub;
  /** Another daemon, or this one before its restart, gave other cursors. */
  readonly #epoch = randomBytes(6).toString('base64url');
  readonly #after: (ms: number, task: () => void) => () => void;
  #ring: Kept[] = [];
  #number = 0;
  #listeners = 0;
  #recording: Subscription | undefined;
  #cancelEnd: (() => void) | undefined;

  constructor(hub: TopicHub, after: (ms: number, task: () => void) => () => void) {
    this.#hub = hub;
    this.#after = after;
  }

  /** Recording begins, or goes on. Call before subscribing; the result ends this listener's interest. */
  retain(): () => void {
    this.#listeners++;
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    this.#begin();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#listeners--;
      if (this.#listeners === 0) this.#cancelEnd = this.#after(KEEP_MS, () => this.#end());
    };
  }

  /** Where a subscription made now begins. */
  cursor(): string {
    return `${this.#epoch}.${this.#number}`;
  }

  /** Grows with every event. */
  get number(): number {
    return this.#number;
  }

  /** What was published after `cursor` to these topics of this sandbox (undefined: of all). */
  since(cursor: string, topics: ReadonlySet<TopicName>, sandbox: SandboxId | undefined): Replay {
    const [epoch, text = ''] = cursor.split('.', 2);
    const number = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (epoch !== this.#epoch || number < 0 || number > this.#number) {
      return { events: [], complete: false, from: this.#number };
    }
    const oldest = this.#ring[0]?.number ?? this.#number + 1;
    const events = this.#ring
      .filter(({ number: at, broadcast }) => at > number && topics.has(broadcast.topic) && within(broadcast, sandbox))
      .map(({ number: at, broadcast }) => ({ broadcast, cursor: `${this.#epoch}.${at}`, number: at }));
    return { events, complete: number >= oldest - 1, from: number };
  }

  stop(): void {
    this.#cancelEnd?.();
    this.#end();
  }

  #begin(): void {
    if (this.#recording !== undefined) return;
    // A cursor given before must not seem complete: events went by unrecorded.
    this.#number++;
    this.#recording = this.#hub.subscribe(undefined, TOPIC_NAMES, (broadcast) => this.#record(broadcast));
  }

  #record(broadcast: Broadcast): void {
    this.#number++;
    if (this.#ring.length >= MAX_EVENTS) this.#ring.splice(0, MAX_EVENTS / 10);
    if (isLarge(broadcast)) {
      // Whoever resumes before it is told to read anew.
      this.#ring = [];
      return;
    }
    this.#ring.push({ number: this.#number, broadcast });
  }

  #end(): void {
    this.#cancelEnd = undefined;
    this.#recording?.close();
    this.#recording = undefined;
    this.#ring = [];
  }
}

function within(broadcast: Broadcast, sandbox: SandboxId | undefined): boolean {
  return sandbox === undefined || broadcast.metadata.sandbox === sandbox;
}

/** Only lines of output and hits grow without bound; measuring every event would cost more than keeping it. */
function isLarge({ topic, event }: Broadcast): boolean {
  return (topic === 'output' || topic === 'hits') && JSON.stringify(event).length > MAX_EVENT_CHARS;
}
