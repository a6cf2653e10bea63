/**
 * An update that counts no more, made harmless: it keeps its clocks and its place in sequences, so that what honest
 * members wrote next to it stays whole, and brings nothing in. Inserts become deleted content of equal length, map
 * writes and everything under them become GC, deletes are dropped.
 */

import * as Y from 'yjs';
import { readUpdate, type StructId, type UpdateStruct } from './update-reader.ts';
import { encodeStructs } from './update-writer.ts';

/**
 * @param payload an update that passed the check
 * @param doc holds its whole causal past
 * @returns what to apply in its stead; undefined when it only deleted
 */
export function neutraliseUpdate(payload: Uint8Array, doc: Y.Doc): Uint8Array | undefined {
  const { client, structs } = readUpdate(payload);
  if (client === undefined) return undefined;
  const dropped = new Map<UpdateStruct, boolean>();
  for (const struct of structs) dropped.set(struct, isOutsideSequences(struct, structs, dropped, client, doc));
  return encodeStructs(payload, client, structs, (struct) => (dropped.get(struct) ? 'gc' : 'deleted'));
}

/** Whether a struct lies in a map, or beside something that is gone: then it holds no place that others could need. */
function isOutsideSequences(
  struct: UpdateStruct,
  structs: readonly UpdateStruct[],
  dropped: ReadonlyMap<UpdateStruct, boolean>,
  client: number,
  doc: Y.Doc,
): boolean {
  if (struct.content === 'gc' || struct.parentSub !== undefined) return true;
  const beside = struct.origin ?? struct.rightOrigin;
  if (beside === undefined) return false;
  const own = beside.client === client ? structs.find((other) => holds(other, beside)) : undefined;
  if (own !== undefined) return dropped.get(own) ?? false;
  // The bytes of a struct with an origin do not say truthfully whether it lies in a map; its neighbour does.
  const item = Y.getItem(doc.store, Y.createID(beside.client, beside.clock));
  return !(item instanceof Y.Item) || item.parentSub !== null;
}

function holds(struct: UpdateStruct, id: StructId): boolean {
  return id.clock >= struct.clock && id.clock < struct.clock + struct.length;
}
