/** Step: how much one asker may ask for. Limits delay or refuse a request; they never change what is valid. */

import { SandboxError } from '#shared/errors.ts';

interface Allowance {
  /** Calls under way at once. */
  readonly running: number;
  /** Calls refilled per second; `burst` may come at once. */
  readonly perSecond: number;
  readonly burst: number;
}

/** A page and an IDE together stay far below; a person stepping fast makes about 20 calls a second. */
const MEMBER: Allowance = { running: 64, perSecond: 500, burst: 2_000 };
/** All local clients together: they own the machine, and this only keeps a runaway script from filling its memory. */
const LOCAL: Allowance = { running: 4_096, perSecond: 20_000, burst: 40_000 };
/** The name under which local clients ask. */
export const LOCAL_ASKER = 'local';

interface Usage {
  running: number;
  tokens: number;
  refilledAt: number;
}

/** Running calls and a token bucket per asker. */
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
    const allowed = asker === LOCAL_ASKER ? LOCAL : MEMBER;
    const usage = this.#refill(asker, allowed);
    if (usage.running >= allowed.running) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot start another command: ${usage.running} are running`, {
        hint: 'Wait for some of them to end.',
      });
    }
    if (usage.tokens < 1) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot take more than ${allowed.perSecond} commands a second`, {
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

  #refill(asker: string, { burst, perSecond }: Allowance): Usage {
    const now = this.#now();
    let usage = this.#usage.get(asker);
    if (usage === undefined) {
      usage = { running: 0, tokens: burst, refilledAt: now };
      this.#usage.set(asker, usage);
    }
    usage.tokens = Math.min(burst, usage.tokens + ((now - usage.refilledAt) / 1000) * perSecond);
    usage.refilledAt = now;
    return usage;
  }
}
