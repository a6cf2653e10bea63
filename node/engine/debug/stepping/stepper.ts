/**
 * One step in progress: who waits for it, whether a stop that was not its own is its end all the same, and in which
 * functions it may still end.
 */

import type { Protocol } from 'devtools-protocol';
import type { Pause } from '#shared/model/pause.ts';
import type { Timers } from '../timers.ts';
import type { ReturnFrame, ReturnTarget } from './return-points.ts';

type CallFrame = Protocol.Debugger.CallFrame;

export type StepKind = 'over' | 'into' | 'out';

export interface StepChoice {
  /** With `into`: which of the line's calls. */
  readonly call?: number | undefined;
  /** How long to wait for the new stop. */
  readonly waitMs?: number | undefined;
  /** Files that it does not end in, see SkipFiles. */
  readonly skip?: readonly string[] | undefined;
}

export const STEP_METHODS = {
  over: 'Debugger.stepOver',
  into: 'Debugger.stepInto',
  out: 'Debugger.stepOut',
} as const;

interface Step {
  readonly kind: StepKind;
  /** The stack it began on. */
  readonly origin: readonly CallFrame[];
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

  /** The stack it began on, innermost frame first. */
  get origin(): readonly CallFrame[] | undefined {
    return this.#step?.origin;
  }

  /**
   * @param origin the stack as it stands, innermost frame first
   * @returns the new stop; null when the program ran on that long, or ended. A stop may still follow later.
   */
  begin(kind: StepKind, origin: readonly CallFrame[], waitMs = this.#waitMs): Promise<Pause | null> {
    this.#step?.settle(null);
    return new Promise((resolve) => {
      const cancel = this.#timers.after(waitMs, () => resolve(null));
      const settle = (pause: Pause | null): void => {
        cancel();
        resolve(pause);
      };
      this.#step = { kind, origin, settle };
    });
  }

  /**
   * A stop that is not the step's own, and after which V8 has forgotten the step: whether it has arrived anyway.
   *
   * @param stack of that stop
   */
  hasArrived(stack: readonly CallFrame[]): boolean {
    const step = this.#step;
    if (step === undefined || step.kind === 'into') return true;
    return stack.length <= Math.min(reachOf(step), sharedDepth(step.origin, stack));
  }

  /** Where the step can end from such a stop on. */
  target(stack: readonly CallFrame[]): ReturnTarget {
    const step = this.#step;
    if (step === undefined) return { frames: [], maxDepth: 0 };
    const reach = reachOf(step);
    const shared = sharedDepth(step.origin, stack);
    const waiting = stack.slice(Math.max(0, stack.length - Math.min(reach, shared))).map(returnFrame);
    if (reach < step.origin.length) return { frames: waiting, maxDepth: reach };
    const [first] = step.origin;
    if (shared < reach) {
      // Not on the stack: it awaits something, and comes back on a stack of its own.
      const frames = first === undefined ? waiting : [{ ...returnFrame(first), except: first.location }, ...waiting];
      return { frames, maxDepth: Number.POSITIVE_INFINITY };
    }
    const [home, ...below] = waiting;
    const at = stack[stack.length - reach]?.location;
    const frames = home === undefined || at === undefined ? waiting : [{ ...home, except: at }, ...below];
    return { frames, maxDepth: reach };
  }

  /** The program stopped (null: runs on, by somebody's resume, or is gone): whatever step there was is over. */
  end(pause: Pause | null): void {
    this.#step?.settle(pause);
    this.#step = undefined;
  }
}

/** What a stack comes back to once its innermost frame, of code that is skipped, is done. */
export function callersOf(stack: readonly CallFrame[]): ReturnTarget {
  return { frames: stack.slice(1).map(returnFrame), maxDepth: stack.length - 1 };
}

/** Frames on the stack when a step over or out ends, at most. */
function reachOf({ kind, origin }: Step): number {
  const isLeaving = kind === 'out' || origin[0]?.returnValue !== undefined;
  return isLeaving ? origin.length - 1 : origin.length;
}

/** How many frames, from the outermost on, two stacks have in common. */
function sharedDepth(one: readonly CallFrame[], other: readonly CallFrame[]): number {
  const limit = Math.min(one.length, other.length);
  for (let depth = 1; depth <= limit; depth += 1) {
    const [a, b] = [one[one.length - depth], other[other.length - depth]];
    if (a === undefined || b === undefined || functionOf(a) !== functionOf(b)) return depth - 1;
  }
  return limit;
}

function functionOf({ functionLocation, functionName, location }: CallFrame): string {
  const { scriptId, lineNumber, columnNumber } = functionLocation ?? location;
  return functionLocation === undefined
    ? `${scriptId} ${functionName}`
    : `${scriptId} ${lineNumber}:${columnNumber ?? 0}`;
}

function returnFrame({ functionLocation, location }: CallFrame): ReturnFrame {
  return { start: functionLocation ?? location };
}
