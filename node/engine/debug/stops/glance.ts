/** Stops nobody is told of: the program is looked at where it happens to be, and runs on at once. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import type { Timers } from '../timers.ts';
import type { WakeScript } from './wake-script.ts';

export type CallFrames = readonly Protocol.Debugger.CallFrame[];
type Look<T> = (callFrames: CallFrames) => Promise<T>;

/** A program that ran no statement for so long after it was asked to stop waits for something: it is woken to find out. */
const WAKE_AFTER_MS = 200;
const LIMIT_MS = 5_000;

export class Glances {
  readonly #cdp: CdpSession;
  readonly #timers: Timers;
  readonly #wakeScript: WakeScript;
  #current: { settle(result: Promise<unknown>): void; cancelTimer(): void } | undefined;
  /** A stop was asked for that nobody waits for any more. */
  #leftOver = false;

  constructor(cdp: CdpSession, timers: Timers, wakeScript: WakeScript) {
    this.#cdp = cdp;
    this.#timers = timers;
    this.#wakeScript = wakeScript;
  }

  /** A look is waited for. */
  get wanted(): boolean {
    return this.#current !== undefined;
  }

  /** @returns whether a stop may be left over that nobody wants: of a look that is done, or a pause that was taken back */
  takeLeftOver(): boolean {
    const left = this.#leftOver;
    this.#leftOver = false;
    return left || this.#wakeScript.isRunning;
  }

  /** The program ran nothing when it was looked at. */
  isWoken(callFrames: CallFrames): boolean {
    return this.#wakeScript.isIn(callFrames);
  }

  /**
   * @param stops whether a stop comes by itself
   * @throws {SandboxError} NOT_PAUSED when the program runs no code, LIMIT_EXCEEDED while another look is under way
   */
  async begin<T>(look: Look<T>, stops: boolean): Promise<T> {
    if (this.#current !== undefined) {
      throw new SandboxError('LIMIT_EXCEEDED', 'Cannot look at the program: it is being looked at', {
        hint: 'Try again in a moment.',
      });
    }
    const result = new Promise<unknown>((resolve) => {
      this.#current = { settle: resolve, cancelTimer: this.#timers.after(LIMIT_MS, () => this.fail()) };
      this.#look = look;
    });
    if (stops) this.#wakeLater();
    else this.ask();
    return (await result) as T;
  }

  /** The program stands. What the look sends leaves now. */
  look(callFrames: CallFrames): void {
    this.#end(this.#look(callFrames));
  }

  /** It does not stop in any code of its own, or is gone. */
  fail(): void {
    if (this.#current === undefined) return;
    const error = new SandboxError('NOT_PAUSED', 'Cannot look at the program: it waits and runs no code of its own', {
      hint: 'Set a breakpoint where you want to look.',
    });
    this.#leftOver = true;
    this.#end(Promise.reject(error));
  }

  #look: Look<unknown> = async () => undefined;

  #end(result: Promise<unknown>): void {
    const current = this.#current;
    this.#current = undefined;
    current?.cancelTimer();
    current?.settle(result);
  }

  /** Asks for a stop: V8 takes no notice of it while the program stands, even when it is about to go on. */
  ask(): void {
    // Whoever ends the session meanwhile fails the look.
    this.#cdp.send('Debugger.pause').then(this.#wakeLater, () => this.fail());
  }

  /** It counts from V8's answer: a program that gets no turn on a busy machine does not wait for anything. */
  readonly #wakeLater = (): void => {
    if (this.#current === undefined) return;
    this.#current.cancelTimer();
    this.#current.cancelTimer = this.#timers.after(WAKE_AFTER_MS, () => this.#wakeUp());
  };

  #wakeUp(): void {
    if (this.#current === undefined) return;
    this.#current.cancelTimer = this.#timers.after(LIMIT_MS, () => this.fail());
    this.#cdp.send('Debugger.pause').catch(() => undefined);
    void this.#wakeScript.run().then(() => {
      this.#leftOver = false;
    });
  }
}
