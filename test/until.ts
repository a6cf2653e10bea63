/** Waiting in tests: for a condition, and never without an end. */

const LIMIT_MS = 20_000;
const POLL_MS = 2;

/**
 * Polls until `probe` gives something other than false, null or undefined.
 *
 * @throws when the time is over, naming `what`; whatever `probe` throws
 */
export async function until<T>(probe: () => T | Promise<T>, what: string, limitMs = LIMIT_MS): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > giveUpAt) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Fails loudly instead of hanging. */
export function within<T>(promise: Promise<T>, what: string, limitMs = LIMIT_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
