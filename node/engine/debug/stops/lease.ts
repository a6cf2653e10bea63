/**
 * The driver lease of one target: who may step it. One holder; the first step takes it when free; others queue; it
 * lapses when its holder stops stepping or leaves, and passes on after a turn when somebody waits.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { Lease } from '#shared/model/pause.ts';
import type { Timers } from '../timers.ts';

export interface LeaseOptions {
  readonly target: TargetId;
  readonly timers: Timers;
  readonly idleLimitMs: number;
  /** From the moment somebody waits, the holder has this long, however busily it steps. */
  readonly turnLimitMs: number;
  /** For messages. */
  nameOf(member: MemberId): string;
  /** Whether somebody the lease is handed to could use it. */
  mayDrive(member: MemberId): boolean;
  onChange(lease: Lease): void;
}

export class DriverLease {
  readonly #options: LeaseOptions;
  #holder: MemberId | undefined;
  #queue: MemberId[] = [];
  #cancelIdle: () => void = () => undefined;
  #cancelTurn: (() => void) | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get holder(): MemberId | undefined {
    return this.#holder;
  }

  get state(): Lease {
    const { target, idleLimitMs } = this.#options;
    return { target, holder: this.#holder ?? null, queue: [...this.#queue], idleLimitMs };
  }

  /** Before a step: takes a free lease, keeps one's own alive. @throws {SandboxError} LEASE_HELD */
  drive(member: MemberId): void {
    this.mustBeFreeFor(member, 'step');
    this.#restartIdle();
    if (this.#holder === member) return;
    this.#queue = this.#queue.filter((waiting) => waiting !== member);
    this.#holder = member;
    this.#changed();
  }

  /** Before a resume: anybody may release a pause that nobody drives. @throws {SandboxError} LEASE_HELD */
  mustBeFreeFor(member: MemberId, action: string): void {
    const holder = this.#holder;
    if (holder === undefined || holder === member) return;
    const seconds = Math.round(this.#options.idleLimitMs / 1000);
    throw new SandboxError('LEASE_HELD', `Cannot ${action}: ${this.#options.nameOf(holder)} drives this target`, {
      hint:
        `Ask with "sandmesh lease take": it passes to you when they give it back, leave, take no step for ${seconds} s, ` +
        `or have had it for ${Math.round(this.#options.turnLimitMs / 1000)} s more.`,
    });
  }

  /** @returns whether the member holds it now; else it waits in the queue */
  take(member: MemberId): boolean {
    if (this.#holder === undefined) this.drive(member);
    if (this.#holder === member) return true;
    if (!this.#queue.includes(member)) {
      this.#queue.push(member);
      this.#limitTurn();
      this.#changed();
    }
    return false;
  }

  /**
   * Gives it back, or hands it over; one who only waits leaves the queue.
   *
   * @throws {SandboxError} FORBIDDEN when `to` may not drive
   */
  release(member: MemberId, to?: MemberId): void {
    if (this.#holder !== member) return this.#forget(member);
    if (to !== undefined && !this.#options.mayDrive(to)) {
      throw new SandboxError('FORBIDDEN', `Cannot hand the lease to member ${to}: their role does not let them step`);
    }
    this.#passOn(to);
  }

  /** A member went offline or lost the right to step. */
  leave(member: MemberId): void {
    if (this.#holder === member) this.#passOn(undefined);
    else this.#forget(member);
  }

  /** The target is gone. */
  end(): void {
    this.#cancelIdle();
    this.#endTurn();
    this.#holder = undefined;
    this.#queue = [];
  }

  #forget(member: MemberId): void {
    if (!this.#queue.includes(member)) return;
    this.#queue = this.#queue.filter((waiting) => waiting !== member);
    if (this.#queue.length === 0) this.#endTurn();
    this.#changed();
  }

  #passOn(to: MemberId | undefined): void {
    const next = to ?? this.#queue.find((waiting) => this.#options.mayDrive(waiting));
    this.#queue = this.#queue.filter((waiting) => waiting !== next);
    this.#holder = next;
    this.#cancelIdle();
    this.#endTurn();
    if (next !== undefined) this.#restartIdle();
    if (this.#queue.length > 0) this.#limitTurn();
    this.#changed();
  }

  #restartIdle(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#options.timers.after(this.#options.idleLimitMs, () => this.#passOn(undefined));
  }

  /** Runs from when the first one waits, not from when the holder began: nobody is interrupted for nobody. */
  #limitTurn(): void {
    this.#cancelTurn ??= this.#options.timers.after(this.#options.turnLimitMs, () => this.#passOn(undefined));
  }

  #endTurn(): void {
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
  }

  #changed(): void {
    this.#options.onChange(this.state);
  }
}
