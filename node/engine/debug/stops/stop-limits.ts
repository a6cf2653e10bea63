/** How long the program stands at whose doing: a guest's pause time, and the time a breakpoint of one's own may hold it. */

import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId, MemberId } from '#shared/ids.ts';
import { HOLD_LIMIT_MS, type Pause } from '#shared/model/pause.ts';
import type { DesiredBreakpoint } from '../breakpoints/breakpoint-records.ts';
import type { Timers } from '../timers.ts';
import { PauseBudget } from './pause-budget.ts';

export interface StopLimitsOptions {
  /** The host: its own pauses cost nothing, it is its program. */
  readonly self: MemberId;
  readonly timers: Timers;
  /** See `PauseBudget`; undefined: unlimited. */
  readonly pauseLimitMs: number | undefined;
  desired(): ReadonlyMap<BreakpointId, DesiredBreakpoint>;
  nameOf(member: MemberId): string;
  /** The program has to go on. @param disarm first: a breakpoint in a loop would stop it again at once */
  onOver(why: () => string, disarm: boolean): void;
  /** Somebody may stop the program again. */
  onRestored(): void;
}

export class StopLimits {
  readonly #options: StopLimitsOptions;
  readonly #budget: PauseBudget;
  #askedBy: MemberId | undefined;
  #cancelHold: () => void = () => undefined;

  constructor(options: StopLimitsOptions) {
    this.#options = options;
    const { pauseLimitMs, timers, nameOf, onOver, onRestored } = options;
    const seconds = Math.round((pauseLimitMs ?? 0) / 1000);
    this.#budget = new PauseBudget({
      limitMs: pauseLimitMs,
      timers,
      onSpent: (member) => onOver(() => `Resumed: ${nameOf(member)} held the program for ${seconds} s in all`, true),
      onRestored,
    });
  }

  /** @throws {SandboxError} LIMIT_EXCEEDED */
  mustAllow(member: MemberId, action: string): void {
    if (this.#budget.allows(member)) return;
    throw new SandboxError('LIMIT_EXCEEDED', `Cannot ${action}: you have held the program for as long as one may`, {
      hint: 'Your pause time comes back while it runs: half a second for every second.',
    });
  }

  /** Why a member's breakpoints do not stop the program now; undefined: they do. */
  obstacle(member: MemberId): string | undefined {
    if (this.#budget.allows(member)) return undefined;
    return `${this.#options.nameOf(member)} has held the program for long enough; it is armed again in a while`;
  }

  /** The next stop is this member's doing, unless it turns out to be another's. */
  askedBy(member: MemberId): void {
    this.#askedBy = member;
  }

  /** @param driver who holds the lease */
  stands(pause: Pause, driver: MemberId | undefined): void {
    this.#limitPause(pause, driver);
    this.#limitHold(pause);
  }

  runs(): void {
    this.#cancelHold();
    this.#budget.release();
  }

  /** The process is gone. */
  stop(): void {
    this.#budget.stop();
    this.#cancelHold();
  }

  /** Whose doing a stop is: their time runs. */
  #limitPause({ hitBreakpoints: [first] }: Pause, driver: MemberId | undefined): void {
    const writer = first === undefined ? undefined : this.#options.desired().get(first)?.writtenBy;
    const cause = driver ?? writer ?? this.#askedBy;
    this.#askedBy = undefined;
    this.#budget.hold(cause === this.#options.self ? undefined : cause);
  }

  /** A breakpoint of one's own holds the program for so long, and no longer. */
  #limitHold({ heldBy }: Pause): void {
    this.#cancelHold();
    if (heldBy === undefined) return;
    const { timers, nameOf, onOver } = this.#options;
    const seconds = HOLD_LIMIT_MS / 1000;
    this.#cancelHold = timers.after(HOLD_LIMIT_MS, () => {
      onOver(() => `Resumed: a breakpoint of ${nameOf(heldBy)} held the program for ${seconds} s`, false);
    });
  }
}
