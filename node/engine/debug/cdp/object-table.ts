/**
 * The objects one client has been shown, under its own ids. Those of a pause are V8's to everybody and end with it; the
 * others belong to a group of this client and stay until it lets go of them.
 */

import { SandboxError } from '#shared/errors.ts';
import type { HeldValue } from '../inspection/handles.ts';

/** A client that holds more loses the oldest. */
const MAX_OBJECTS = 50_000;

export interface ShownObject {
  readonly value: HeldValue;
  /** Undefined: it ends with the pause. */
  readonly group: string | undefined;
}

export class ObjectTable {
  readonly #objects = new Map<string, ShownObject>();
  #next = 1;

  add(value: HeldValue, group: string | undefined): string {
    const id = `o${this.#next++}`;
    this.#objects.set(id, { value, group });
    if (this.#objects.size > MAX_OBJECTS) {
      const oldest = this.#objects.keys().next().value;
      if (oldest !== undefined) this.#objects.delete(oldest);
    }
    return id;
  }

  /** @throws {SandboxError} HANDLE_STALE in V8's own words, which tools know */
  get(id: unknown): ShownObject {
    const found = this.#objects.get(String(id));
    if (found !== undefined) return found;
    throw new SandboxError('HANDLE_STALE', 'Could not find object with given id');
  }

  take(id: unknown): ShownObject | undefined {
    const found = this.#objects.get(String(id));
    this.#objects.delete(String(id));
    return found;
  }

  dropGroup(group: string | undefined): void {
    for (const [id, shown] of this.#objects) if (shown.group === group) this.#objects.delete(id);
  }
}
