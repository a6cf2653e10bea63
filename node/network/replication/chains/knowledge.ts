/**
 * What one chain has declared to have seen of others. An honest chain is one line; of a chain that forked, several
 * lines may have been seen. The first of them goes by the chain's clientID in what the declaring chain writes, the
 * others by the number under which it declared them: so the same bytes name the same structs whoever reads them.
 */

import type { Chain } from './chain.ts';

/** One envelope, by the line it lies on. As a path: everything from the chain's first envelope up to it. */
export interface Point {
  readonly chain: Chain;
  readonly seq: number;
}

/** Whether a path leads through a point; `point.chain` must be the line that the envelope itself lies on. */
export function leadsThrough(path: Point, point: Point): boolean {
  let limit = path.seq;
  for (let line: Chain | undefined = path.chain; line !== undefined; line = line.parent) {
    if (line === point.chain) return point.seq <= limit;
    limit = Math.min(limit, line.after);
  }
  return false;
}

/** Numbers of further lines start here: 0 is no clientID that Yjs gives. */
const FIRST_NUMBER = 1;

/** A line of a chain of which another had been declared before: which chain, and which of its paths. */
interface FurtherLine {
  readonly client: number;
  readonly index: number;
}

export class Knowledge {
  readonly #before: Knowledge | undefined;
  /** clientID of a chain → paths that were seen of it, in the order of their declaration. */
  readonly #paths = new Map<number, readonly Point[]>();
  /** Further lines in the order of their declaration. */
  readonly #further: FurtherLine[] = [];

  private constructor(before: Knowledge | undefined) {
    this.#before = before;
  }

  static none(): Knowledge {
    return new Knowledge(undefined);
  }

  /** What is known along with what is going to be declared; {@link absorb} makes it permanent. */
  extend(): Knowledge {
    return new Knowledge(this);
  }

  /** Takes over what an extension of this one declared. */
  absorb(extension: Knowledge): void {
    for (const [client, paths] of extension.#paths) this.#paths.set(client, paths);
    this.#further.push(...extension.#further);
  }

  copy(): Knowledge {
    const copy = Knowledge.none();
    for (const [client, paths] of this.#paths) copy.#paths.set(client, paths);
    copy.#further.push(...this.#further);
    return copy;
  }

  /** Everything declared, for a checkpoint: paths by chain, in the order of their declaration. */
  *all(): Iterable<Point> {
    for (const paths of this.#paths.values()) yield* paths;
  }

  has(point: Point): boolean {
    return this.paths(point.chain.client).some((path) => leadsThrough(path, point));
  }

  /** @returns false when it was seen before */
  declare(point: Point): boolean {
    const { client } = point.chain;
    const paths = this.paths(client);
    if (paths.some((path) => leadsThrough(path, point))) return false;
    const grown = paths.findIndex((path) => leadsThrough(point, path));
    if (grown >= 0) {
      this.#paths.set(client, paths.with(grown, point));
    } else {
      if (paths.length > 0) this.#further.push({ client, index: paths.length });
      this.#paths.set(client, [...paths, point]);
    }
    return true;
  }

  paths(client: number): readonly Point[] {
    return this.#paths.get(client) ?? this.#before?.paths(client) ?? [];
  }

  /** What a client in an update of the declaring chain stands for; undefined when that was not declared. */
  pathOf(client: number): Point | undefined {
    const paths = this.paths(client);
    if (paths.length > 0) return paths[0];
    const further = this.#furtherAt(client - FIRST_NUMBER);
    return further === undefined ? undefined : this.paths(further.client)[further.index];
  }

  /** The client by which an update of the declaring chain names what lies at a point. @throws when it was not declared */
  nameOf(point: Point): number {
    const { client } = point.chain;
    const index = this.paths(client).findIndex((path) => leadsThrough(path, point));
    if (index < 0) throw new RangeError(`Nothing was declared of chain ${point.chain.key} at ${point.seq}`);
    if (index === 0) return client;
    for (let number = 0; ; number++) {
      const further = this.#furtherAt(number);
      if (further === undefined) throw new RangeError(`Line ${index} of chain ${point.chain.key} has no number`);
      if (further.client === client && further.index === index) return number + FIRST_NUMBER;
    }
  }

  #furtherAt(number: number): FurtherLine | undefined {
    const before = this.#before;
    if (before === undefined) return this.#further[number];
    return number < before.#further.length ? before.#further[number] : this.#further[number - before.#further.length];
  }
}
