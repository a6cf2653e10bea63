/** Step: how much one asker may ask for. Limits delay or refuse a request; they never change what is valid. */

import { SandboxError } from '#shared/errors.ts';

/** Calls a member may have running at once; a page and an IDE together stay far below. */
const MAX_RUNNING_PER_ASKER = 64;
/** Refilled per second; a burst may use as many as `BURST` at once. A person stepping fast makes about 20 calls/s. */
const RATE_PER_SECOND = 500;
const BURST = 2_000;

interface Usage {
  running: number;
  tokens: number;
  refilledAt: number;
}

/** Running calls and a token bucket per asker. Local clients share one generous bucket: they own the machine. */
export class CallLimits {
  /** Kept for good: askers are members, and an idle one forgotten would start with a full bucket again. */
  readonly #usage = new Map<string, Usage>();
  readonly #now: () => number;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Takes one place for `asker`.
   *
   * @returns gives the place back; calling it twice is harmless
   * @throws {SandboxError} LIMIT_EXCEEDED
   */
  enter(asker: string): () => void {
    const usage = this.#refill(asker);
    if (usage.running >= MAX_RUNNING_PER_ASKER) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot start another command: ${usage.running} are running`, {
        hint: 'Wait for some of them to end.',
      });
    }
    if (usage.tokens < 1) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot take more than ${RATE_PER_SECOND} commands a second`, {
        hint: 'Slow down and try again.',
      });
    }
    usage.tokens -= 1;
    usage.running += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      usage.running -= 1;
    };
  }

  #refill(asker: string): Usage {
    const now = this.#now();
    let usage = this.#usage.get(asker);
    if (usage === undefined) {
      usage = { running: 0, tokens: BURST, refilledAt: now };
      this.#usage.set(asker, usage);
    }
    usage.tokens = Math.min(BURST, usage.tokens + ((now - usage.refilledAt) / 1000) * RATE_PER_SECOND);
    usage.refilledAt = now;
    return usage;
  }
}
