/**
 * A time limit around a piece of work. `AbortSignal.any([signal, AbortSignal.timeout(ms)])` is no substitute: on Node
 * 20.20 nothing holds the timeout's signal, and after a garbage collection 0 of 50 such limits fired.
 */

export interface Deadline {
  readonly timeoutMs: number;
  /** The caller's own way of giving up. */
  readonly signal: AbortSignal;
  /** Makes the reason `work`'s signal aborts with, and this rejects with, once the time is up. */
  readonly expired: () => Error;
}

/** What work under a deadline gets: its signal is made when it is first asked for, since most work never asks. */
export class WorkSignal {
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  throwIfAborted(): void {
    if (this.#aborted !== undefined) throw this.#aborted.reason;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** Deadlines of this turn of the event loop that still run at its end. */
const young = new Set<() => void>();

/** Most commands end in the turn they began in: a timer and a listener of their own would cost more than they do. */
function armAfterThisTurn(arm: () => void): void {
  young.add(arm);
  if (young.size > 1) return;
  setImmediate(() => {
    const arms = [...young];
    young.clear();
    for (const each of arms) each();
  });
}

/**
 * Runs `work` and stops waiting for it when the time is up or the caller gives up, whether or not `work` heeds its
 * signal.
 *
 * @throws whatever `work` throws; `expired()`; `signal.reason`
 */
export function withDeadline<T>(deadline: Deadline, work: (until: WorkSignal) => Promise<T>): Promise<T> {
  const { signal, timeoutMs, expired } = deadline;
  // By hand: `Promise.race` and an async function around it cost a command as much as its handler does.
  return new Promise<T>((resolve, reject) => {
    signal.throwIfAborted();
    const until = new WorkSignal();
    let timer: NodeJS.Timeout | undefined;
    const disarm = (): void => {
      young.delete(arm);
      if (timer === undefined) return;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const end = (reason: unknown): void => {
      disarm();
      // Before the work hears of it: the reason wins over whatever the work makes of its abort.
      reject(reason);
      until.abort(reason);
    };
    const abort = (): void => end(signal.reason);
    const arm = (): void => {
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      timer = setTimeout(() => end(expired()), timeoutMs);
    };
    const fail = (error: unknown): void => {
      disarm();
      reject(error);
    };
    armAfterThisTurn(arm);
    try {
      work(until).then((result) => {
        disarm();
        resolve(result);
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}
