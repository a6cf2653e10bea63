/** `Idempotency-Key`: a write that is sent again within a day is answered as the first time, and done once. */

import { createHash } from 'node:crypto';
import { SandboxError } from '#shared/errors.ts';

const KEEP_MS = 24 * 3600_000;
const MAX_ENTRIES = 10_000;
const MAX_KEY_CHARS = 200;

interface Entry {
  readonly fingerprint: string;
  readonly result: Promise<unknown>;
  readonly until: number;
}

export class IdempotencyKeys {
  /** By asker and key, oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Runs `work` unless this asker's key is known: then it gives that run's result, or waits for it. A failed run is
   * forgotten, so that trying again tries again.
   *
   * @param request what the key stands for; another request under the same key is refused
   * @throws {SandboxError} BAD_ARGUMENT
   */
  async once<T>(asker: string, key: string, request: unknown, work: () => Promise<T>): Promise<T> {
    if (key.length === 0 || key.length > MAX_KEY_CHARS) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot use an Idempotency-Key of ${key.length} characters`, {
        hint: `Send 1 to ${MAX_KEY_CHARS}, a UUID for one.`,
      });
    }
    this.#dropOld();
    const name = `${asker} ${key}`;
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('base64');
    const known = this.#entries.get(name);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return known.result as Promise<T>;
      throw new SandboxError(
        'BAD_ARGUMENT',
        'Cannot use this Idempotency-Key again: it was sent with another request',
        {
          hint: 'Take a new key for each request.',
        },
      );
    }
    const result = work();
    this.#entries.set(name, { fingerprint, result, until: this.#now() + KEEP_MS });
    result.catch(() => this.#entries.delete(name));
    return result;
  }

  #dropOld(): void {
    const now = this.#now();
    for (const [name, { until }] of this.#entries) {
      if (until > now && this.#entries.size < MAX_ENTRIES) return;
      this.#entries.delete(name);
    }
  }
}
