/** Columns of a script that code was inserted into: as the program has them now, and as everybody knows them. */

import type { Insertion } from './injection.ts';

interface Shift {
  /** In the text before. */
  readonly column: number;
  readonly length: number;
  readonly replacesPlace: boolean;
  readonly closes: boolean;
}

export interface Column {
  readonly column: number;
  /** It lies in inserted code. */
  readonly isInserted: boolean;
}

/** Starts of the lines of a text, as V8 counts lines. */
export class LineIndex {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (const { index, 0: end } of text.matchAll(/\r\n?|[\n\u2028\u2029]/g)) this.#starts.push(index + end.length);
  }

  offsetOf(lineNumber: number, columnNumber: number): number {
    return (this.#starts[lineNumber] ?? 0) + columnNumber;
  }

  positionOf(offset: number): { lineNumber: number; columnNumber: number } {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { lineNumber: low, columnNumber: offset - (this.#starts[low] ?? 0) };
  }
}

export class ShiftedLines {
  readonly #lines = new Map<number, Shift[]>();

  /** @param insertions in the order of the text */
  constructor(index: LineIndex, insertions: readonly Insertion[]) {
    for (const { offset, text, replacesPlace = false, closes = false } of insertions) {
      const { lineNumber, columnNumber: column } = index.positionOf(offset);
      const shifts = this.#lines.get(lineNumber) ?? [];
      shifts.push({ column, length: text.length, replacesPlace, closes });
      this.#lines.set(lineNumber, shifts);
    }
  }

  /** What begins right at the place comes before it, unless the place is in it now; what ends there comes after. */
  toRunning(lineNumber: number, column: number): number {
    const shifts = this.#lines.get(lineNumber) ?? [];
    const before = shifts.filter(
      (shift) => shift.column < column || (shift.column === column && !shift.replacesPlace && !shift.closes),
    );
    return before.reduce((sum, { length }) => sum + length, column);
  }

  toKnown(lineNumber: number, column: number): Column {
    let inserted = 0;
    for (const shift of this.#lines.get(lineNumber) ?? []) {
      const start = shift.column + inserted;
      if (column < start) break;
      if (column < start + shift.length) {
        const isPlace = shift.replacesPlace || (shift.closes && column === start);
        return { column: shift.column, isInserted: !isPlace };
      }
      inserted += shift.length;
    }
    return { column: column - inserted, isInserted: false };
  }
}
