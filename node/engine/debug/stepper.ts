/**
 * One step in progress: knows when it has arrived, and how to carry on when something that nobody asked for (a probe at
 * the start of a script) stopped the program on the way.
 */

import type { Pause } from '#shared/model/pause.ts';
import type { Timers } from './timers.ts';

export type StepKind = 'over' | 'into' | 'out';

/** What to do at a stop: show it, or send this to go on towards where the step leads. */
export type StepAdvice = 'arrived' | 'stepOut' | 'stepOver';

export const STEP_METHODS = {
  over: 'Debugger.stepOver',
  into: 'Debugger.stepInto',
  out: 'Debugger.stepOut',
} as const;

interface Step {
  readonly kind: StepKind;
  /** Frames on the stack when it began. */
  readonly depth: number;
  /** On the way back from a stop that was not the step's own. */
  unwinding: boolean;
  settle(pause: Pause | null): void;
}

export class Stepper {
  readonly #timers: Timers;
  readonly #waitMs: number;
  #step: Step | undefined;

  /** @param waitMs how long {@link begin} waits for the new stop */
  constructor(timers: Timers, waitMs: number) {
    this.#timers = timers;
    this.#waitMs = waitMs;
  }

  get active(): boolean {
    return this.#step !== undefined;
  }

  get kind(): StepKind | undefined {
    return this.#step?.kind;
  }

  /** @returns the new stop; null when the program ran on that long, or ended. A stop may still follow later. */
  begin(kind: StepKind, depth: number): Promise<Pause | null> {
    this.#step?.settle(null);
    return new Promise((resolve) => {
      const cancel = this.#timers.after(this.#waitMs, () => resolve(null));
      const settle = (pause: Pause | null): void => {
        cancel();
        resolve(pause);
      };
      this.#step = { kind, depth, unwinding: false, settle };
    });
  }

  /**
   * @param depth frames on the stack now
   * @param foreign the stop was a probe's, not the step's own
   */
  advise(depth: number, foreign: boolean): StepAdvice {
    const step = this.#step;
    if (step === undefined || step.kind === 'into') return 'arrived';
    if (foreign) {
      if (depth < step.depth || (depth === step.depth && step.kind === 'over')) return 'arrived';
      step.unwinding = true;
      return 'stepOut';
    }
    if (!step.unwinding) return 'arrived';
    if (depth > step.depth) return 'stepOut';
    step.unwinding = false;
    // Back in the middle of the statement that was stepped over: one more brings it to its end.
    return step.kind === 'over' && depth === step.depth ? 'stepOver' : 'arrived';
  }

  /** The program stopped (null: runs on, by somebody's resume, or is gone): whatever step there was is over. */
  end(pause: Pause | null): void {
    this.#step?.settle(pause);
    this.#step = undefined;
  }
}
