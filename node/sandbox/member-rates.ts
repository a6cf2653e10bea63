/**
 * What each member may send this daemon's clients per second, whatever its role: presence, chat lines, bytes of console
 * and metrics. A token bucket per member and kind. What is over is left out for the clients here; it changes nothing
 * that is stored, and nothing for the other members.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';

interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

const RATES = {
  /** A cursor that follows every key press stays below. */
  presence: { perSecond: 10, burst: 40 },
  /** A person writes a line in a second at best; a pasted log comes as several. */
  chat: { perSecond: 2, burst: 20 },
  /** Characters of console lines and readings; a busy server's log has some 100,000 a second. */
  broadcast: { perSecond: 1024 * 1024, burst: 8 * 1024 * 1024 },
} as const satisfies Record<string, Rate>;
export type RateKind = keyof typeof RATES;

interface Bucket {
  tokens: number;
  at: number;
}

export class MemberRates {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns false when it is more than the member may send; nothing is taken then */
  take(member: MemberId, kind: RateKind, amount = 1): boolean {
    const { perSecond, burst } = RATES[kind];
    const now = this.#now();
    const key = `${member} ${kind}`;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < amount) return false;
    bucket.tokens -= amount;
    return true;
  }
}

/** @throws {SandboxError} LIMIT_EXCEEDED */
export function assertMayChat(rates: MemberRates, self: MemberId): void {
  if (rates.take(self, 'chat')) return;
  throw new SandboxError('LIMIT_EXCEEDED', `Cannot send more than ${RATES.chat.perSecond} chat lines a second`, {
    hint: 'Wait a moment; put several lines into one.',
  });
}
