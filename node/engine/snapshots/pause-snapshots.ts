/**
 * Every pause leaves a snapshot. Clients are told of the pause first, and its values are read only if it lasts: a
 * program that is resumed at once stands no longer for it, and leaves its frames alone.
 */

import type { TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { DebugEngine } from '../debug/debug-engine.ts';
import type { Timers } from '../debug/timers.ts';
import { type Moment, RAN_ON, type Snapshots } from './snapshots.ts';

/** Whoever steps or resumes by a script does so within a few milliseconds; a person takes longer. */
const SETTLE_MS = 40;
/** Storing one takes a millisecond of the daemon's: a breakpoint in a loop is not to fill the ring with itself. */
const BURST = 10;
const PER_SECOND = 4;

export class PauseSnapshots {
  readonly #engine: DebugEngine;
  readonly #snapshots: Pick<Snapshots, 'read' | 'store'>;
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Map<TargetId, { readonly pause: Pause; readonly cancel: () => void }>();
  #allowance = BURST;
  #refilledAt: number;
  #passedOver = 0;

  constructor(
    engine: DebugEngine,
    snapshots: Pick<Snapshots, 'read' | 'store'>,
    options: { readonly timers: Timers; onError(error: unknown): void },
  ) {
    this.#engine = engine;
    this.#snapshots = snapshots;
    this.#timers = options.timers;
    this.#onError = options.onError;
    this.#refilledAt = options.timers.now();
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
      if (!this.#take()) return;
      this.#snapshots
        .read(pause)
        .then((read) => this.#snapshots.store({ pause, cause: 'pause', ...read, passedOver: this.#counted() }))
        .catch(this.#onError);
    });
    this.#waiting.set(target, { pause, cancel });
  }

  #keep(moment: Moment): void {
    if (!this.#take()) return;
    this.#snapshots.store({ ...moment, passedOver: this.#counted() }).catch(this.#onError);
  }

  #take(): boolean {
    const now = this.#timers.now();
    this.#allowance = Math.min(BURST, this.#allowance + ((now - this.#refilledAt) / 1000) * PER_SECOND);
    this.#refilledAt = now;
    if (this.#allowance < 1) {
      this.#passedOver += 1;
      return false;
    }
    this.#allowance -= 1;
    return true;
  }

  #counted(): number {
    const count = this.#passedOver;
    this.#passedOver = 0;
    return count;
  }
}
