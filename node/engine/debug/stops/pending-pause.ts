/**
 * A pause that somebody asked for and that is yet to come: a server that waits for a request runs no statement to stop at.
 * Whatever code is run in the program meanwhile, for a client or for ourselves, would be what stops. So the pause is put
 * off until that code has run.
 */

import type {
  AttachedProcess,
  CdpEvent,
  CdpEventParams,
  CdpMethod,
  CdpParams,
  CdpResult,
  CdpSession,
} from '../../../targets/attached-process.ts';
import { WakeScript } from './wake-script.ts';

const RUNS_CODE: ReadonlySet<CdpMethod> = new Set(['Runtime.evaluate', 'Runtime.callFunctionOn']);

export class PendingPause implements CdpSession {
  readonly wakeScript: WakeScript;
  readonly #cdp: CdpSession;
  /** Debug adapters stop a program that waits, too. */
  readonly #isPutOffForCode: boolean;
  #isAsked = false;
  /** Calls under way that put it off. */
  #calls = 0;
  /** Settled once V8 owes no stop. */
  #putOff: Promise<void> | undefined;

  constructor({ cdp, adapter }: Pick<AttachedProcess, 'cdp' | 'adapter'>) {
    this.#cdp = cdp;
    this.#isPutOffForCode = adapter === undefined;
    this.wakeScript = new WakeScript(cdp);
  }

  /** The next stop is the one that was asked for. */
  get isDue(): boolean {
    return this.#isAsked && this.#putOff === undefined;
  }

  /** Asks for it, again too: V8 takes no notice while the program is on its way out of a stop. */
  async ask(): Promise<void> {
    this.#isAsked = true;
    if (this.#putOff === undefined) await this.#cdp.send('Debugger.pause');
  }

  /** The program stands where clients see it. */
  arrived(): void {
    this.#isAsked = false;
  }

  /** Nobody wants it any more: the stop that V8 owes is met out of sight. @returns whether it was asked for */
  withdraw(): boolean {
    if (!this.#isAsked || !this.#isPutOffForCode) return false;
    this.#isAsked = false;
    if (this.#putOff === undefined) void this.wakeScript.run();
    return true;
  }

  send<M extends CdpMethod>(
    method: M,
    params?: CdpParams<M>,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<CdpResult<M>> {
    const send = (): Promise<CdpResult<M>> => this.#cdp.send(method, params, options);
    return this.#isAsked && this.#isPutOffForCode && RUNS_CODE.has(method) ? this.#withoutStop(send) : send();
  }

  on<E extends CdpEvent>(event: E, listener: (params: CdpEventParams<E>) => void): () => void {
    return this.#cdp.on(event, listener);
  }

  async #withoutStop<T>(run: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    try {
      this.#putOff ??= this.wakeScript.run();
      await this.#putOff;
      return await run();
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) {
        this.#putOff = undefined;
        // Whoever waits for the program hears from it that it is gone.
        if (this.#isAsked) this.#cdp.send('Debugger.pause').catch(() => undefined);
      }
    }
  }
}
