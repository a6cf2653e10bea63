/**
 * Who stops one target and moves it on: before each move its lease and the member's pause time are asked, and whoever
 * has let it stand for too long loses it.
 */

import type { BreakpointId, MemberId, TargetId } from '#shared/ids.ts';
import type { Lease, Pause } from '#shared/model/pause.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import type { EngineLimits } from '../engine-limits.ts';
import type { StepChoice, StepKind } from '../stepping/stepper.ts';
import type { CallFrames } from '../stops/glance.ts';
import { DriverLease } from '../stops/lease.ts';
import { StopLimits } from '../stops/stop-limits.ts';
import type { Timers } from '../timers.ts';
import type { TargetSession } from './target-session.ts';

export interface DrivingParts {
  readonly target: TargetId;
  /** The host: its own pauses cost nothing, it is its program. */
  readonly self: MemberId;
  readonly timers: Timers;
  readonly limits: EngineLimits;
  desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint>;
  nameOf(member: MemberId): string;
  mayDrive(member: MemberId): boolean;
  /** The process under the debugger. @throws {SandboxError} TARGET_GONE */
  session(): TargetSession;
  /** The stop that is shown. */
  pause(): Pause | undefined;
  /** Lets a process begin that is held at its start; undefined: none is. */
  releaseHeld(): Promise<void> | undefined;
  onLease(lease: Lease): void;
  /** See {@link StopLimits}. */
  onOver(why: () => string, disarm: boolean): void;
  onRestored(): void;
}

export class Driving {
  readonly lease: DriverLease;
  readonly #parts: DrivingParts;
  readonly #stopLimits: StopLimits;

  constructor(parts: DrivingParts) {
    this.#parts = parts;
    const { target, self, timers, limits, desired, nameOf, mayDrive, onLease, onOver, onRestored } = parts;
    const { leaseIdleMs: idleLimitMs, leaseTurnMs: turnLimitMs, pauseLimitMs } = limits;
    this.lease = new DriverLease({ target, timers, idleLimitMs, turnLimitMs, nameOf, mayDrive, onChange: onLease });
    this.#stopLimits = new StopLimits({ self, timers, pauseLimitMs, desired, nameOf, onOver, onRestored });
  }

  /** @throws {SandboxError} LIMIT_EXCEEDED, TARGET_GONE */
  async requestPause(member: MemberId): Promise<void> {
    this.#stopLimits.mustAllow(member, 'pause');
    this.#stopLimits.askedBy(member);
    await this.#parts.session().pause();
  }

  /**
   * See {@link TargetSession.glance}.
   *
   * @throws {SandboxError} LIMIT_EXCEEDED, NOT_PAUSED, TARGET_GONE
   */
  glance<T>(member: MemberId, look: (callFrames: CallFrames) => Promise<T>): Promise<T> {
    if (this.#parts.pause() === undefined) this.#stopLimits.mustAllow(member, 'take a snapshot');
    return this.#parts.session().glance(look);
  }

  /**
   * One's own breakpoint holds it for nobody else: then anybody may.
   *
   * @throws {SandboxError} LEASE_HELD, NOT_PAUSED, TARGET_GONE
   */
  async resume(member: MemberId): Promise<void> {
    const { pause, releaseHeld, session } = this.#parts;
    if (pause()?.heldBy === undefined) this.lease.mustBeFreeFor(member, 'resume');
    // Held until somebody is here (`--wait`): whoever may resume it need not wait for them.
    const released = releaseHeld();
    if (released !== undefined) return released;
    await session().resume();
  }

  /** @throws {SandboxError} LEASE_HELD, NOT_PAUSED, LIMIT_EXCEEDED, TARGET_GONE */
  async step(member: MemberId, kind: StepKind, choice: StepChoice = {}): Promise<Pause | null> {
    const session = this.#drive(member, 'step');
    return session.moves.step(kind, choice);
  }

  /** @throws {SandboxError} LEASE_HELD, NOT_PAUSED, LIMIT_EXCEEDED, EVALUATION_FAILED, TARGET_GONE */
  async restartFrame(member: MemberId, frame: number): Promise<void> {
    const session = this.#drive(member, 'restart a frame');
    await session.moves.restartFrame(frame);
  }

  /** Why a member's breakpoints do not stop the program now; undefined: they do. */
  obstacle(member: MemberId): string | undefined {
    return this.#stopLimits.obstacle(member);
  }

  /** Whether a member's own breakpoints may hold the program now. */
  mayHold(member: MemberId, isStepping: boolean): boolean {
    const { holder } = this.lease;
    return holder === member || (holder === undefined && !isStepping);
  }

  /** Rights changed: whoever may not drive any more loses the lease. */
  recheck(): void {
    const { holder } = this.lease;
    if (holder !== undefined && !this.#parts.mayDrive(holder)) this.lease.leave(holder);
  }

  /** The program stands: somebody's time runs. */
  stands(pause: Pause): void {
    this.#stopLimits.stands(pause, this.lease.holder);
  }

  runs(): void {
    this.#stopLimits.runs();
  }

  /** The process is gone; nobody is told. */
  end(): void {
    this.#stopLimits.stop();
    this.lease.end();
  }

  /** The next stop is this member's doing, and the lease of a program that stands is theirs. */
  #drive(member: MemberId, action: string): TargetSession {
    const session = this.#parts.session();
    this.#stopLimits.mustAllow(member, action);
    if (session.pausedAt !== undefined) this.lease.drive(member);
    this.#stopLimits.askedBy(member);
    return session;
  }
}
