/** What happened in a run, line by line, and one hash over all of it: equal seeds must give equal hashes. */

import { createHash, type Hash } from 'node:crypto';

export class Trace {
  readonly #print: ((line: string) => void) | undefined;
  readonly #hash: Hash = createHash('sha256');

  /** @param print sees every line; without it only the hash is kept */
  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  line(atMs: number, what: string): void {
    const line = `${atMs.toFixed(3)} ${what}`;
    this.#hash.update(line);
    this.#print?.(line);
  }

  /** Ends the trace. @returns 16 hex digits */
  end(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }
}
