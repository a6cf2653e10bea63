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

/**
 * Runs `work` and stops waiting for it when the time is up or the caller gives up, whether or not `work` heeds its
 * signal.
 *
 * @throws whatever `work` throws; `expired()`; `signal.reason`
 */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, timeoutMs, expired } = deadline;
  signal.throwIfAborted();
  const controller = new AbortController();
  // Listens before `work` does: the reason wins over whatever the work makes of its abort.
  const ended = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => controller.abort(expired()), timeoutMs);
  try {
    return await Promise.race([ended, work(controller.signal)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
