/** Stops that somebody asked for and that are yet to come: a pause, a step, a look, the program's first statement. */

import { pathToFileURL } from 'node:url';
import type { Pause } from '#shared/model/pause.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { escapeRegex } from '../script-urls.ts';
import { Stepper } from '../stepping/stepper.ts';
import { unlessGone } from '../targets/target-gone.ts';
import type { Timers } from '../timers.ts';
import { type CallFrames, Glances } from './glance.ts';
import type { PendingPause } from './pending-pause.ts';

export interface AskedStopsOptions {
  readonly cdp: CdpSession;
  readonly pending: PendingPause;
  readonly timers: Timers;
  /** How long a step's caller waits for the new stop. */
  readonly stepWaitMs: number;
  /** Something failed that nobody waits for. */
  onError(error: unknown): void;
}

export class AskedStops {
  readonly #options: AskedStopsOptions;
  readonly stepper: Stepper;
  readonly glances: Glances;
  /** V8's breakpoint at the first statement, until it is reached. */
  #entry: string | undefined;

  constructor(options: AskedStopsOptions) {
    this.#options = options;
    const { cdp, pending, timers, stepWaitMs } = options;
    this.stepper = new Stepper(timers, stepWaitMs);
    this.glances = new Glances(cdp, timers, pending.wakeScript);
  }

  /** A pause was asked for. */
  get isPauseAsked(): boolean {
    return this.#options.pending.isDue;
  }

  /** Somebody wants it to stop, wherever that is. */
  get anywhere(): boolean {
    return this.isPauseAsked || this.glances.wanted;
  }

  pause(): Promise<void> {
    return this.#options.pending.ask();
  }

  /** See {@link PendingPause.withdraw}. */
  withdrawPause(): boolean {
    return this.#options.pending.withdraw();
  }

  /**
   * Stops once, at the first statement of a script that is yet to run.
   *
   * @param file its real path
   */
  async stopAtEntry(file: string): Promise<void> {
    const urlRegex = `^${escapeRegex(pathToFileURL(file).href)}$`;
    const { breakpointId } = await this.#options.cdp.send('Debugger.setBreakpointByUrl', { urlRegex, lineNumber: 0 });
    this.#entry = breakpointId;
  }

  /** @returns whether it stands at its first statement, where somebody wanted it to; it stops there no more */
  takeEntry(hits: readonly string[]): boolean {
    const breakpointId = this.#entry;
    if (breakpointId === undefined || !hits.includes(breakpointId)) return false;
    this.#entry = undefined;
    const { cdp, onError } = this.#options;
    unlessGone(cdp.send('Debugger.removeBreakpoint', { breakpointId })).catch(onError);
    return true;
  }

  /** V8 took no notice of what was asked for while the program was on its way out of a stop. */
  askAgain(): void {
    if (this.isPauseAsked) unlessGone(this.pause()).catch(this.#options.onError);
    else if (this.glances.wanted && !this.stepper.active) this.glances.ask();
  }

  /** The program stands and clients know: whatever was asked for ends here. */
  arrived(pause: Pause, callFrames: CallFrames): void {
    this.#options.pending.arrived();
    this.stepper.end(pause);
    if (this.glances.wanted) this.glances.look(callFrames);
  }

  /** The process ended or is let go: whoever waits for a step gets null. */
  end(): void {
    this.stepper.end(null);
    this.glances.fail();
  }
}
