/** Time as the engine sees it, handed in so that tests decide when it passes. */

export interface Timers {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Runs `task` once after `delayMs`; never keeps the process alive.
   *
   * @returns a function that cancels it; calling it late or twice is harmless
   */
  after(delayMs: number, task: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
