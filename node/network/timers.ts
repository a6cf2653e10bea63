/** Time, handed in: what waits (keepalive, backoff, deadlines) can be driven by a test without waiting. */

export interface Timers {
  /** Milliseconds, monotonic. */
  now(): number;
  /** @returns a function that cancels; calling it late or twice is harmless */
  after(delayMs: number, run: () => void): () => void;
}

/** Timers of this process. None of them keeps it alive: sockets do. */
export const realTimers: Timers = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
