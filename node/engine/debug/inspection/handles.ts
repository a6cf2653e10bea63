/**
 * The values one client has seen, under names that mean nothing to anybody else. Remote object ids never leave the
 * host; a child is fetched only when somebody opens it; every handle dies when the target moves on.
 */

import { SandboxError } from '#shared/errors.ts';
import type { ChildReference } from '../inspection-tool/answers.ts';

/** A client that opens more without the target moving on loses the oldest. */
const MAX_HANDLES = 20_000;

/** Either known by V8, or reachable from a parent. */
export interface HeldValue {
  objectId: Promise<string> | undefined;
  readonly parent: HeldValue | undefined;
  readonly ref: ChildReference | undefined;
  /** Name it was shown under: masking goes by it. */
  readonly name: string;
  /** An expression that gives it; empty for a scope, whose variables are reached by their bare names. */
  readonly path?: string;
  /** It is a scope: its number in the frame's chain. */
  readonly scope?: number;
  /** Of a scope: names that mean a nearer scope's variable where the program stands. */
  hidden?: ReadonlySet<string>;
  /** Of a scope: its frame, and how many changes of this stop its object has in it. */
  readonly frame?: number;
  readAt?: number;
}

export class HandleTable {
  readonly #values = new Map<string, HeldValue>();
  #epoch = 1;
  #next = 1;

  add(value: HeldValue): string {
    const handle = `${this.#epoch.toString(36)}-${(this.#next++).toString(36)}`;
    this.#values.set(handle, value);
    if (this.#values.size > MAX_HANDLES) {
      const oldest = this.#values.keys().next().value;
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    return handle;
  }

  addObject(objectId: string, name: string): string {
    return this.add({ objectId: Promise.resolve(objectId), parent: undefined, ref: undefined, name });
  }

  /** @throws {SandboxError} HANDLE_STALE */
  get(handle: string): HeldValue {
    const value = this.#values.get(handle);
    if (value !== undefined) return value;
    throw new SandboxError('HANDLE_STALE', `Cannot open "${handle}": the program has moved on since it was shown`, {
      hint: 'Look at the scopes again.',
    });
  }

  /** The target resumed: what was seen is gone. */
  clear(): void {
    this.#values.clear();
    this.#epoch += 1;
  }
}
