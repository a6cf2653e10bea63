/**
 * Envelopes whose past is not here yet, kept outside Yjs and within bounds. What does not fit is forgotten, the oldest
 * first, so that what will never be complete does not stay: whoever brought it is asked for it again.
 */

import type { Envelope } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { awaited, type WaitFor } from './acceptance.ts';

const MAX_PARKED = 4000;
const MAX_PARKED_BYTES = 16 * 1024 * 1024;

export interface Parked {
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly parked: Parked;
  readonly waitFor: WaitFor;
  /** The envelope it waits for, if it waits for one. */
  readonly missing: Head | undefined;
}

export class Parking {
  /** By name, the oldest first. */
  readonly #parked = new Map<WaitFor, Waiting>();
  readonly #waiting = new Map<WaitFor, Set<WaitFor>>();
  #bytes = 0;

  /**
   * Makes room by forgetting what has waited longest.
   *
   * @param parked its bytes are kept: copy what is only borrowed
   * @returns whether something was forgotten
   */
  park(waitFor: WaitFor, parked: Parked, missing?: Head): boolean {
    const name = nameOf(parked.envelope);
    this.#parked.set(name, { parked, waitFor, missing });
    this.#bytes += parked.bytes.length;
    const names = this.#waiting.get(waitFor);
    if (names === undefined) this.#waiting.set(waitFor, new Set([name]));
    else names.add(name);
    let forgot = false;
    while (this.#parked.size > MAX_PARKED || this.#bytes > MAX_PARKED_BYTES) {
      const [oldest] = this.#parked.keys();
      if (oldest !== undefined) this.#remove(oldest);
      forgot = true;
    }
    return forgot;
  }

  /** Whether an envelope of this name is parked. */
  has(name: WaitFor): boolean {
    return this.#parked.has(name);
  }

  /** What must be fetched so that envelopes can be judged: themselves, or what those that are here wait for in the end. */
  absentFor(heads: readonly Head[]): Head[] {
    const absent: Head[] = [];
    const passed = new Set<WaitFor>();
    for (const head of heads) {
      for (let next: Head | undefined = head; next !== undefined; ) {
        const name = awaited(next);
        // From here on the way was gone before.
        if (passed.has(name)) break;
        passed.add(name);
        const found = this.#parked.get(name);
        if (found === undefined) absent.push(next);
        next = found?.missing;
      }
    }
    return absent;
  }

  /** What waited for this and may go on. */
  release(waitFor: WaitFor): readonly Parked[] {
    const names = [...(this.#waiting.get(waitFor) ?? [])];
    return names.flatMap((name) => this.#remove(name) ?? []);
  }

  #remove(name: WaitFor): Parked | undefined {
    const found = this.#parked.get(name);
    if (found === undefined) return undefined;
    const { parked, waitFor } = found;
    this.#parked.delete(name);
    this.#bytes -= parked.bytes.length;
    const names = this.#waiting.get(waitFor);
    names?.delete(name);
    if (names?.size === 0) this.#waiting.delete(waitFor);
    return parked;
  }
}

/** The name under which an envelope is parked: that under which others wait for it. */
export function nameOf({ header, hash }: Envelope): WaitFor {
  const { member, incarnation, seq } = header;
  return awaited({ member, incarnation, seq, hash });
}
