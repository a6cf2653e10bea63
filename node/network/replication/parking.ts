/**
 * Envelopes whose past is not here yet, kept outside Yjs and within bounds. What does not fit is forgotten: its author
 * or whoever has it announces it again, and it is pulled in order.
 */

import type { Envelope } from '#protocol/envelope.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { WaitFor } from './acceptance.ts';

const MAX_PARKED = 4000;
const MAX_PARKED_BYTES = 16 * 1024 * 1024;

export interface Parked {
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
}

export class Parking {
  readonly #waiting = new Map<WaitFor, Parked[]>();
  #count = 0;
  #bytes = 0;

  /** @param parked its bytes are kept: copy what is only borrowed */
  park(waitFor: WaitFor, parked: Parked): void {
    if (this.#count >= MAX_PARKED || this.#bytes + parked.bytes.length > MAX_PARKED_BYTES) return;
    const list = this.#waiting.get(waitFor);
    if (list === undefined) this.#waiting.set(waitFor, [parked]);
    else if (list.some((other) => equalBytes(other.envelope.hash, parked.envelope.hash))) return;
    else list.push(parked);
    this.#count++;
    this.#bytes += parked.bytes.length;
  }

  /** What waited for this and may go on. */
  release(waitFor: WaitFor): readonly Parked[] {
    const list = this.#waiting.get(waitFor);
    if (list === undefined) return [];
    this.#waiting.delete(waitFor);
    this.#count -= list.length;
    for (const parked of list) this.#bytes -= parked.bytes.length;
    return list;
  }
}
