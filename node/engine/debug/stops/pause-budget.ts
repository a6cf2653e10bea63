/**
 * How long each member may hold one program: an account of pause time per member that is spent while the program
 * stands at their doing and grows again while it does not. One who has spent it lets go, and stops the program no more
 * until enough has come back.
 */

import type { MemberId } from '#shared/ids.ts';
import type { Timers } from '../timers.ts';

/** Pause time that comes back per time that passes: held half of the time at most, in the long run. */
const REFILL = 0.5;
/** Share of the whole that must be back before their breakpoints stop the program again. */
const RESUME_SHARE = 0.1;

export interface PauseBudgetOptions {
  /** Undefined: nobody is limited. */
  readonly limitMs: number | undefined;
  readonly timers: Timers;
  /** This member holds the program and must let go. */
  onSpent(member: MemberId): void;
  /** This member may stop the program again. */
  onRestored(member: MemberId): void;
}

interface Account {
  leftMs: number;
  /** When `leftMs` was right. */
  at: number;
  spent: boolean;
}

export class PauseBudget {
  readonly #options: PauseBudgetOptions;
  readonly #accounts = new Map<MemberId, Account>();
  readonly #cancelRestore = new Set<() => void>();
  #holder: { readonly member: MemberId; readonly since: number; readonly cancel: () => void } | undefined;

  constructor(options: PauseBudgetOptions) {
    this.#options = options;
  }

  /** The program stands at this member's doing; undefined: at nobody's who is limited. */
  hold(member: MemberId | undefined): void {
    this.release();
    const { limitMs, timers } = this.#options;
    if (member === undefined || limitMs === undefined) return;
    const { leftMs } = this.#account(member, limitMs);
    const cancel = timers.after(Math.max(0, leftMs), () => {
      this.release();
      this.#spend(member, limitMs);
    });
    this.#holder = { member, since: timers.now(), cancel };
  }

  /** The program runs on. */
  release(): void {
    const holder = this.#holder;
    if (holder === undefined) return;
    this.#holder = undefined;
    holder.cancel();
    const { limitMs, timers } = this.#options;
    if (limitMs === undefined) return;
    const now = timers.now();
    const account = this.#account(holder.member, limitMs, holder.since);
    account.leftMs -= now - holder.since;
    account.at = now;
  }

  /** Whether this member may stop the program. */
  allows(member: MemberId): boolean {
    return this.#accounts.get(member)?.spent !== true;
  }

  /** The target is gone: its next process starts with what is left. */
  stop(): void {
    this.release();
    for (const cancel of this.#cancelRestore) cancel();
    this.#cancelRestore.clear();
    for (const account of this.#accounts.values()) account.spent = false;
  }

  #spend(member: MemberId, limitMs: number): void {
    const { timers, onSpent, onRestored } = this.#options;
    const account = this.#account(member, limitMs);
    account.spent = true;
    const cancel = timers.after((limitMs * RESUME_SHARE - Math.min(0, account.leftMs)) / REFILL, () => {
      this.#cancelRestore.delete(cancel);
      account.spent = false;
      onRestored(member);
    });
    this.#cancelRestore.add(cancel);
    onSpent(member);
  }

  #account(member: MemberId, limitMs: number, now = this.#options.timers.now()): Account {
    let account = this.#accounts.get(member);
    if (account === undefined) {
      account = { leftMs: limitMs, at: now, spent: false };
      this.#accounts.set(member, account);
    }
    account.leftMs = Math.min(limitMs, account.leftMs + Math.max(0, now - account.at) * REFILL);
    account.at = now;
    return account;
  }
}
