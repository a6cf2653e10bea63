/** Step: how much one asker may ask for. Limits delay or refuse a request; they never change what is valid. */

import { SandboxError } from '#shared/errors.ts';

interface Allowance {
  /** Calls under way at once. */
  readonly running: number;
  /** Calls refilled per second; `burst` may come at once. */
  readonly perSecond: number;
  readonly burst: number;
  /** Characters of arguments and results, as JSON, refilled per second; `burstChars` may pass at once. */
  readonly charsPerSecond: number;
  readonly burstChars: number;
}

const MIB = 1024 * 1024;

/** A page and an IDE together stay far below; a person stepping fast makes about 20 calls a second. */
const MEMBER: Allowance = {
  running: 64,
  perSecond: 500,
  burst: 2_000,
  charsPerSecond: 8 * MIB,
  burstChars: 64 * MIB,
};
/** All local clients together: they own the machine, and this only keeps a runaway script from filling its memory. */
const LOCAL: Allowance = {
  running: 4_096,
  perSecond: 20_000,
  burst: 40_000,
  charsPerSecond: Number.MAX_SAFE_INTEGER,
  burstChars: Number.MAX_SAFE_INTEGER,
};
/** The name under which local clients ask. */
export const LOCAL_ASKER = 'local';

interface Usage {
  running: number;
  tokens: number;
  /** Below zero: what passed was more than there was, and is paid for by waiting. */
  chars: number;
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
    if (usage.chars < 0) {
      throw new SandboxError(
        'LIMIT_EXCEEDED',
        'Cannot run another command: too much was asked for in the last seconds',
        {
          hint: `Wait ${Math.ceil(-usage.chars / allowed.charsPerSecond)} s, and ask for less at a time.`,
        },
      );
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

  /** Puts what a call carried, there and back, on the asker's account. */
  spend(asker: string, chars: number): void {
    if (asker !== LOCAL_ASKER) this.#refill(asker, MEMBER).chars -= chars;
  }

  #refill(asker: string, { burst, perSecond, burstChars, charsPerSecond }: Allowance): Usage {
    const now = this.#now();
    let usage = this.#usage.get(asker);
    if (usage === undefined) {
      usage = { running: 0, tokens: burst, chars: burstChars, refilledAt: now };
      this.#usage.set(asker, usage);
    }
    const seconds = (now - usage.refilledAt) / 1000;
    usage.tokens = Math.min(burst, usage.tokens + seconds * perSecond);
    usage.chars = Math.min(burstChars, usage.chars + seconds * charsPerSecond);
    usage.refilledAt = now;
    return usage;
  }
}
