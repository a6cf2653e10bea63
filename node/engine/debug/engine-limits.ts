/** How long members may drive a program of this host, and have it stand. */

export interface EngineLimits {
  /** The lease lapses after this long without a step. */
  readonly leaseIdleMs: number;
  /** A step's caller waits this long for the new stop. */
  readonly stepWaitMs: number;
  /** The lease passes on after this long when somebody waits for it. */
  readonly leaseTurnMs: number;
  /** Pause time of each guest, see `PauseBudget`; undefined: unlimited. */
  readonly pauseLimitMs: number | undefined;
}

export const DEFAULT_LIMITS: EngineLimits = {
  leaseIdleMs: 5 * 60_000,
  leaseTurnMs: 5 * 60_000,
  stepWaitMs: 1000,
  pauseLimitMs: undefined,
};
