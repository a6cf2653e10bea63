/** What members are told of one target, in the host's registers and to its own clients: that it is there, runs or stands. */

import type { BreakpointId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { Target } from '#shared/model/target.ts';
import type { ProcessExit } from '../../../targets/attached-process.ts';
import type { Mask } from '../inspection/preview.ts';
import type { Timers } from '../timers.ts';
import { registerKeys } from './host-registers.ts';

/** A stop that follows a step within this time replaces the one before without "running" in between. */
const STEP_GAP_MS = 40;

export interface PublishedTargetOptions {
  readonly timers: Timers;
  readonly mask: Mask;
  writeRegister(key: string, value: unknown): void;
  onTarget(target: Target): void;
  onPause(pause: Pause | null): void;
}

export class PublishedTarget {
  readonly #options: PublishedTargetOptions;
  #target: Target;
  #pause: Pause | undefined;
  #cancelRunning: () => void = () => undefined;

  constructor(target: Target, options: PublishedTargetOptions) {
    this.#target = target;
    this.#options = options;
  }

  get view(): Target {
    return this.#target;
  }

  /** The stop that is shown. */
  get pause(): Pause | undefined {
    return this.#pause;
  }

  publish(target: Target): void {
    this.#target = target;
    this.#options.writeRegister(registerKeys.target(target.id), target);
    this.#options.onTarget(target);
  }

  stands(pause: Pause): void {
    this.#cancelRunning();
    const { detail } = pause;
    const shown = detail === undefined ? pause : { ...pause, detail: this.#options.mask('', detail).slice(0, 500) };
    this.#pause = shown;
    // The program stands while clients learn of it: they come first.
    this.#options.onPause(shown);
    this.#options.writeRegister(registerKeys.pause(this.#target.id), shown);
    if (this.#target.state !== 'paused') this.publish({ ...this.#target, state: 'paused' });
  }

  /** @param stepping a stop is likely to follow at once */
  runs(stepping: boolean): void {
    this.#cancelRunning();
    if (!stepping) return this.#showRunning();
    this.#cancelRunning = this.#options.timers.after(STEP_GAP_MS, () => this.#showRunning());
  }

  clearPause(): void {
    this.#cancelRunning();
    if (this.#pause === undefined) return;
    this.#pause = undefined;
    this.#options.writeRegister(registerKeys.pause(this.#target.id), null);
    this.#options.onPause(null);
  }

  /** Nothing is armed in it any more, and nobody drives it. */
  clearDriving(armed: readonly BreakpointId[]): void {
    const { writeRegister } = this.#options;
    const { id } = this.#target;
    for (const breakpoint of armed) writeRegister(registerKeys.armed(id, breakpoint), null);
    writeRegister(registerKeys.lease(id), null);
  }

  /** Its process ended, or was let go. */
  gone({ code, signal, how }: ProcessExit): void {
    const isExit = how === 'exit';
    this.publish({
      ...this.#target,
      state: isExit ? 'exited' : 'detached',
      held: false,
      ...(isExit && (code !== null || signal !== null) ? { exitCode: code, exitSignal: signal } : {}),
    });
  }

  #showRunning(): void {
    this.clearPause();
    if (this.#target.state === 'paused') this.publish({ ...this.#target, state: 'running' });
  }
}
