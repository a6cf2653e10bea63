/**
 * Whether an update may be applied to a document: it writes only as its author, goes on exactly where the author's
 * chain stopped, and touches only what the author had declared to have seen. The verdict is a function of the update,
 * its envelope and its causal past, never of arrival order.
 */

import { type ReadUpdate, readUpdate, type StructId, UpdateRefusal, type UpdateStruct } from './update-reader.ts';

/** Shared types inside shared types; the root is 0. */
export const MAX_TYPE_DEPTH = 16;

/** What the check must know about the document's past; all of it follows from accepted envelopes. */
export interface UpdateContext {
  /** clientID of the envelope's chain. */
  readonly client: number;
  /** Clock at which the envelope says its structs start. */
  readonly clock: number;
  /** First clock of that client in this document that the author had not seen: what lies below may be referred to. */
  seen(client: number): number;
  /** How deep the type lies that holds an item of the past. */
  levelOf(id: StructId): number;
}

export type UpdateVerdict =
  | { readonly ok: true; readonly endClock: number; readonly update: ReadUpdate; readonly levels: readonly number[] }
  | { readonly ok: false; readonly why: string };

/** Judges untrusted bytes; never throws, changes nothing. Call {@link TypeDepths.add} once the update is accepted. */
export function checkUpdate(bytes: Uint8Array, context: UpdateContext): UpdateVerdict {
  try {
    const update = readUpdate(bytes);
    if (update.structs.length === 0 && update.deletes.length === 0) throw new UpdateRefusal('it does nothing');
    const first = update.structs[0];
    if (first !== undefined) {
      if (update.client !== context.client) throw new UpdateRefusal(`it writes as client ${update.client}`);
      if (first.clock !== context.clock) {
        throw new UpdateRefusal(`it starts at clock ${first.clock} instead of ${context.clock}`);
      }
    }
    const levels: number[] = [];
    for (const struct of update.structs) levels.push(checkStruct(struct, levels, update.structs, context));
    const last = update.structs.at(-1);
    const endClock = last === undefined ? context.clock : last.clock + last.length;
    for (const range of update.deletes) {
      const limit = range.client === context.client ? endClock : context.seen(range.client);
      if (range.clock + range.length > limit) throw new UpdateRefusal('it deletes what its author had not seen');
    }
    return { ok: true, endClock, update, levels };
  } catch (error) {
    if (error instanceof UpdateRefusal) return { ok: false, why: error.message };
    throw error;
  }
}

/** @returns how deep the type that holds the struct is nested */
function checkStruct(
  struct: UpdateStruct,
  levels: readonly number[],
  structs: readonly UpdateStruct[],
  context: UpdateContext,
): number {
  const parent = typeof struct.parent === 'object' ? struct.parent : undefined;
  for (const id of [struct.origin, struct.rightOrigin, parent]) {
    if (id === undefined) continue;
    const limit = id.client === context.client ? struct.clock : context.seen(id.client);
    if (id.clock >= limit) throw new UpdateRefusal('it refers to what its author had not seen');
  }
  const level = (id: StructId): number => {
    if (id.client !== context.client || id.clock < context.clock) return context.levelOf(id);
    return levels[findStruct(structs, id.clock, levels.length)] ?? 0;
  };
  const beside = struct.origin ?? struct.rightOrigin;
  const depth = beside !== undefined ? level(beside) : parent !== undefined ? level(parent) + 1 : 0;
  if (depth > MAX_TYPE_DEPTH) throw new UpdateRefusal(`it nests shared types deeper than ${MAX_TYPE_DEPTH}`);
  return depth;
}

/** Index of the struct that holds `clock`, among the first `count`. */
function findStruct(structs: readonly UpdateStruct[], clock: number, count: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((structs[middle] as UpdateStruct).clock <= clock) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Runs `[from, to, level]` of one client, ascending. */
export type TypeRuns = readonly [client: number, runs: readonly (readonly [from: number, to: number, level: number])[]];

/**
 * How deep each item of one document lies. Only items inside nested types are recorded, in runs: a document of flat
 * records costs nothing.
 */
export class TypeDepths {
  /** client → runs `[from, to, level]`, ascending, levels above 0 only. */
  readonly #runs = new Map<number, [from: number, to: number, level: number][]>();

  levelOf(id: StructId): number {
    const runs = this.#runs.get(id.client);
    if (runs === undefined) return 0;
    let low = 0;
    let high = runs.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [from, to, level] = runs[middle] as [number, number, number];
      if (id.clock < from) high = middle - 1;
      else if (id.clock >= to) low = middle + 1;
      else return level;
    }
    return 0;
  }

  /** What is recorded, sorted by client; put back by {@link restore}. @param limit first clock left out, by client */
  runs(limit: (client: number) => number): TypeRuns[] {
    const all: TypeRuns[] = [];
    for (const [client, runs] of [...this.#runs].sort(([a], [b]) => a - b)) {
      const end = limit(client);
      const kept = runs.filter(([from]) => from < end).map(([from, to, level]) => [from, Math.min(to, end), level]);
      if (kept.length > 0) all.push([client, kept as [number, number, number][]]);
    }
    return all;
  }

  restore(all: readonly TypeRuns[]): void {
    // Copies: the last run grows with what is added.
    for (const [client, runs] of all)
      this.#runs.set(
        client,
        runs.map(([from, to, level]) => [from, to, level]),
      );
  }

  /** Records an accepted update; updates of one client come in clock order. */
  add(client: number, update: ReadUpdate, levels: readonly number[]): void {
    for (let i = 0; i < update.structs.length; i++) {
      const level = levels[i] ?? 0;
      if (level === 0) continue;
      const struct = update.structs[i] as UpdateStruct;
      let runs = this.#runs.get(client);
      if (runs === undefined) {
        runs = [];
        this.#runs.set(client, runs);
      }
      const last = runs.at(-1);
      if (last !== undefined && last[1] === struct.clock && last[2] === level) last[1] += struct.length;
      else runs.push([struct.clock, struct.clock + struct.length, level]);
    }
  }
}
