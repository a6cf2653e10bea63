/**
 * Whose turn it is in a program that runs code for us. What Node is sent while it runs such code, and before that code
 * stops, is lost together with all that follows, and the program spins for ever: its message loop of a pause waits for an
 * interrupt that the code used up (seen on Node 20.20, `MainThreadInterface::Post`). So everything else waits until the
 * code has run or stands.
 *
 * And V8 forgets a step when an evaluation that must have no side effect follows it before the program is off.
 */

import type { CdpRequest } from './cdp-connection.ts';

const RUNS_CODE = /^Runtime\.(?:evaluate|callFunctionOn|runScript)$/;
const RUNS_ON = /^Debugger\.(?:resume|step\w+|continueToLocation|restartFrame)$/;
/** Code that awaits is answered when its promise settles; before that it has run, but for how long cannot be told. */
const AWAITING_MS = 100;

export class CodeTurn {
  /** Requests under way that run code, and what ends their wait for a promise. */
  readonly #running = new Map<number, NodeJS.Timeout | undefined>();
  #stands = false;
  /** The request by which it leaves the stop, until it has. */
  #leaving: number | undefined;
  #waiting: (() => void)[] = [];

  /** Nothing may be sent. */
  get isTaken(): boolean {
    return this.#running.size > 0 && !this.#stands;
  }

  /** Whether what is asked of this stop comes too late. */
  get isLeaving(): boolean {
    return this.#leaving !== undefined;
  }

  /** @param transmit sends the request, at once or when it is its turn; false: nobody waits for it any more */
  take(request: CdpRequest, transmit: () => boolean): void {
    if (this.isTaken) this.#waiting.push(() => this.#send(request, transmit));
    else this.#send(request, transmit);
  }

  /** It is answered, or nobody waits for it any more. */
  end(id: number): void {
    if (!this.#running.has(id)) return;
    clearTimeout(this.#running.get(id));
    this.#running.delete(id);
    this.#goOn();
  }

  /** It was refused. */
  failed(id: number): void {
    if (this.#leaving !== id) return;
    this.#leaving = undefined;
    this.#stands = true;
  }

  /** @param event of the target: it stands, ends, or runs on */
  hear(event: string): void {
    if (event === 'Debugger.paused' || event === 'NodeRuntime.waitingForDisconnect') this.#stands = true;
    else if (event === 'Debugger.resumed') this.#stands = false;
    if (event === 'Debugger.paused' || event === 'Debugger.resumed') this.#leaving = undefined;
    this.#goOn();
  }

  #send({ id, method, params }: CdpRequest, transmit: () => boolean): void {
    if (!transmit()) return;
    if (RUNS_ON.test(method)) {
      if (this.#stands) this.#leaving = id;
      this.#stands = false;
    }
    // What is evaluated while the program stands does not stop.
    else if (RUNS_CODE.test(method) && !this.#stands) {
      const awaits = (params as { awaitPromise?: boolean } | undefined)?.awaitPromise === true;
      this.#running.set(id, awaits ? setTimeout(() => this.end(id), AWAITING_MS) : undefined);
    }
  }

  #goOn(): void {
    while (!this.isTaken) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next();
    }
  }
}
