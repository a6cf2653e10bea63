/**
 * Every pause leaves a snapshot. Clients are told of the pause first, and its values are read only if it lasts: a
 * program that is resumed at once stands no longer for it, and leaves its frames alone.
 */

import type { TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { DebugEngine } from '../debug/debug-engine.ts';
import type { Timers } from '../debug/timers.ts';
import { SnapshotAllowance } from './allowance.ts';
import { type Moment, RAN_ON, type Snapshots } from './snapshots.ts';

/** Whoever steps or resumes by a script does so within a few milliseconds; a person takes longer. */
const SETTLE_MS = 40;

export class PauseSnapshots {
  readonly #engine: DebugEngine;
  readonly #snapshots: Pick<Snapshots, 'read' | 'store'>;
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Map<TargetId, { readonly pause: Pause; readonly cancel: () => void }>();
  readonly #allowance: SnapshotAllowance;

  constructor(
    engine: DebugEngine,
    snapshots: Pick<Snapshots, 'read' | 'store'>,
    options: { readonly timers: Timers; onError(error: unknown): void },
  ) {
    this.#engine = engine;
    this.#snapshots = snapshots;
    this.#timers = options.timers;
    this.#onError = options.onError;
    this.#allowance = new SnapshotAllowance(options.timers);
  }

  /** @returns stops listening */
  start(self: number): () => void {
    const off = this.#engine.events.on('pauses', ({ target, pause }) => {
      if (this.#engine.target(target)?.host === self) this.#onPause(target, pause);
    });
    return () => {
      off();
      for (const { cancel } of this.#waiting.values()) cancel();
      this.#waiting.clear();
    };
  }

  #onPause(target: TargetId, pause: Pause | null): void {
    const before = this.#waiting.get(target);
    if (before !== undefined) {
      before.cancel();
      this.#waiting.delete(target);
      this.#keep({ pause: before.pause, cause: 'pause', captured: undefined, why: RAN_ON });
    }
    if (pause === null) return;
    const cancel = this.#timers.after(SETTLE_MS, () => {
      this.#waiting.delete(target);
      if (!this.#allowance.take()) return;
      this.#snapshots
        .read(pause)
        .then((read) =>
          this.#snapshots.store({ pause, cause: 'pause', ...read, passedOver: this.#allowance.takePassedOver() }),
        )
        .catch(this.#onError);
    });
    this.#waiting.set(target, { pause, cancel });
  }

  #keep(moment: Moment): void {
    if (!this.#allowance.take()) return;
    this.#snapshots.store({ ...moment, passedOver: this.#allowance.takePassedOver() }).catch(this.#onError);
  }
}
