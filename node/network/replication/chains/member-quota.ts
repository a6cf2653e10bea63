/**
 * How much of the disk each member may take between two checkpoints. It only delays: what is over the limit is asked
 * for again later, and the limit gives way with time, so that no member is shut out for ever and no other one's
 * replica ends up without what somebody wrote.
 */

import type { MemberId } from '#shared/ids.ts';

/** Of envelopes in the log: far above what a person types, below what hurts a disk. */
const ALLOWANCE_BYTES = 256 * 1024 * 1024;
/** By which each member's share of the log is forgotten as time goes by. */
const BYTES_PER_MINUTE = 4 * 1024 * 1024;

export interface MemberQuotaOptions {
  /** Milliseconds; may jump. */
  now(): number;
  readonly allowanceBytes?: number;
  readonly bytesPerMinute?: number;
}

interface Share {
  bytes: number;
  at: number;
}

export class MemberQuota {
  readonly #options: Required<MemberQuotaOptions>;
  readonly #shares = new Map<MemberId, Share>();

  constructor({ now, allowanceBytes = ALLOWANCE_BYTES, bytesPerMinute = BYTES_PER_MINUTE }: MemberQuotaOptions) {
    this.#options = { now, allowanceBytes, bytesPerMinute };
  }

  /** Whether something of a member may be stored now. */
  admits(member: MemberId): boolean {
    return this.#share(member).bytes < this.#options.allowanceBytes;
  }

  /** An envelope of a member was stored. */
  charge(member: MemberId, bytes: number): void {
    this.#share(member).bytes += bytes;
  }

  /** A checkpoint stands for what was stored: everybody starts anew. */
  clear(): void {
    this.#shares.clear();
  }

  #share(member: MemberId): Share {
    const { now, bytesPerMinute } = this.#options;
    const at = now();
    let share = this.#shares.get(member);
    if (share === undefined) {
      share = { bytes: 0, at };
      this.#shares.set(member, share);
    }
    const minutes = Math.max(0, at - share.at) / 60_000;
    share.bytes = Math.max(0, share.bytes - minutes * bytesPerMinute);
    share.at = at;
    return share;
  }
}
