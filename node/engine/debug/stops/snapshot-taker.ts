/** A stop at a breakpoint that leaves a snapshot and holds nobody, and whoever keeps what is read there. */

import type { BreakpointId } from '#shared/ids.ts';
import type { Looked } from '../../../targets/prepared-looks.ts';
import type { CaptureLimits } from '../inspection-tool/answers.ts';
import type { CallFrames } from './glance.ts';

export interface PassedStop {
  readonly callFrames: CallFrames;
  /** Those that leave a snapshot of it. */
  readonly breakpoints: readonly BreakpointId[];
  /** It is over, and was read. Absent: the program stands. */
  readonly looked?: Looked;
}

/** Whoever keeps snapshots. */
export interface SnapshotTaker<Of> {
  /** What may be read of the program now; undefined: members may not look into it. */
  limitsOf(of: Of): CaptureLimits | undefined;
  /**
   * Resolves when what is asked of the program was sent.
   *
   * @returns false: too many came, none is taken
   */
  take(of: Of, stop: PassedStop): Promise<boolean>;
}
