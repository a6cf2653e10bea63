/**
 * Names of records that outlive the file they lie in: a position is where the record lay when it was written, and a
 * compaction moves the record, not its name. Names grow in the order of acceptance.
 */
export class LogPositions {
  /** From here on records lie in the order of their names, `#shift` apart. */
  #pivot = 0;
  #shift = 0;
  /** Those below the pivot that were kept; both lists ascend together. */
  #names: number[] = [];
  #places: number[] = [];

  /** @returns where the record lies in the file; undefined when it was dropped */
  physical(position: number): number | undefined {
    if (position >= this.#pivot) return position - this.#shift;
    const index = search(this.#names, position);
    return this.#names[index] === position ? this.#places[index] : undefined;
  }

  /** @returns the name of the record at a place in the file; -1 for one that was written by a compaction itself */
  logical(place: number): number {
    if (place + this.#shift >= this.#pivot) return place + this.#shift;
    const index = search(this.#places, place);
    return this.#places[index] === place ? (this.#names[index] as number) : -1;
  }

  /**
   * The records lie in another file now.
   *
   * @param kept name → place, in ascending order of both
   * @param pivot first name not decided on; its record lies at `place`, the following ones behind it as before
   */
  move(kept: ReadonlyMap<number, number>, pivot: number, place: number): void {
    this.#names = [...kept.keys()];
    this.#places = [...kept.values()];
    this.#pivot = pivot;
    this.#shift = pivot - place;
  }
}

/** Index of the first element that is not below `value`. */
function search(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
