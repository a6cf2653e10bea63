/** Ids of V8's under names that mean something to one client only. */

import { SandboxError } from '#shared/errors.ts';

export class IdMap {
  readonly #toClient = new Map<string, string>();
  readonly #toOwn = new Map<string, string>();
  readonly #what: string;
  #next = 1;

  /** @param what as an error names it: `script` */
  constructor(what: string) {
    this.#what = what;
  }

  toClient(own: string): string {
    const known = this.#toClient.get(own);
    if (known !== undefined) return known;
    const id = String(this.#next++);
    this.#toClient.set(own, id);
    this.#toOwn.set(id, own);
    return id;
  }

  has(own: string): boolean {
    return this.#toClient.has(own);
  }

  /** @throws {SandboxError} HANDLE_STALE in V8's own words, which tools know */
  toOwn(client: unknown): string {
    const own = this.#toOwn.get(String(client));
    if (own !== undefined) return own;
    throw new SandboxError('HANDLE_STALE', `No ${this.#what} for id: ${String(client).slice(0, 60)}`);
  }

  /** What came before is stale; numbers go on, so that no old id means something new. */
  clear(): void {
    this.#toClient.clear();
    this.#toOwn.clear();
  }
}
