/**
 * The structs of one client that are in a document, found by clock without touching them: each lies somewhere else in
 * memory.
 */

import type * as Y from 'yjs';

export type Struct = Y.Item | Y.GC;

export class StructColumn {
  /** The document's own list, in the order of clocks; {@link appended} and {@link cut} tell of changes. */
  structs: Struct[] = [];
  /** Clock at which each of them begins. */
  #starts: Float64Array;
  #count = 0;
  #end = 0;

  /** @param count how many there will be, as far as known */
  constructor(count: number) {
    this.#starts = new Float64Array(count);
  }

  /** Clock from which on nothing is here. */
  get end(): number {
    return this.#end;
  }

  /** Whether it was told of every change. */
  get isTrue(): boolean {
    return this.#count === this.structs.length;
  }

  /** The struct that holds a clock; undefined beyond the end. */
  at(clock: number): Struct | undefined {
    return clock < this.#end ? this.structs[this.indexOf(clock)] : undefined;
  }

  /** Index of the struct that holds a clock below the end. @param hint where it may be, or a little before */
  indexOf(clock: number, hint = this.#count - 1): number {
    const starts = this.#starts;
    let low = 0;
    let high = this.#count - 1;
    // What is written follows what was written last, more often than not.
    if (high >= 0 && clock >= (starts[hint] as number)) {
      low = hint;
      if (low === high || clock < (starts[low + 1] as number)) return low;
    }
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= clock) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A struct was put at the end. */
  appended(length: number): void {
    this.#reserve();
    this.#starts[this.#count++] = this.#end;
    this.#end += length;
  }

  /** The struct that holds a clock was cut there, unless it begins there. */
  cut(clock: number): void {
    const i = this.indexOf(clock);
    if (clock >= this.#end || this.#starts[i] === clock) return;
    this.#reserve();
    this.#starts.copyWithin(i + 2, i + 1, this.#count++);
    this.#starts[i + 1] = clock;
  }

  #reserve(): void {
    if (this.#count < this.#starts.length) return;
    const grown = new Float64Array(2 * this.#count + 16);
    grown.set(this.#starts);
    this.#starts = grown;
  }
}
