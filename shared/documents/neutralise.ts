/**
 * An update that a removal cut, made harmless: it keeps its clocks and its place in sequences, so that what honest
 * members wrote next to it stays whole, and brings nothing in. Inserts become deleted content of equal length, map
 * writes and everything under them become GC, deletes are dropped.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { readUpdate, type StructId, type UpdateStruct } from './update-reader.ts';

const ORIGIN = 0x80;
const RIGHT_ORIGIN = 0x40;
const DELETED = 1;

/**
 * @param payload an update that passed the check
 * @param doc holds its whole causal past
 * @returns what to apply in its stead; undefined when it only deleted
 */
export function neutraliseUpdate(payload: Uint8Array, doc: Y.Doc): Uint8Array | undefined {
  const { client, structs } = readUpdate(payload);
  const first = structs[0];
  if (client === undefined || first === undefined) return undefined;
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 1);
  encoding.writeVarUint(encoder, structs.length);
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, first.clock);
  const dropped = new Map<UpdateStruct, boolean>();
  for (const struct of structs) {
    const drop = isOutsideSequences(struct, structs, dropped, client, doc);
    dropped.set(struct, drop);
    if (drop) encoding.writeUint8(encoder, 0);
    else writeDeletedItem(encoder, struct);
    encoding.writeVarUint(encoder, struct.length);
  }
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
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

function writeDeletedItem(encoder: encoding.Encoder, struct: UpdateStruct): void {
  const { origin, rightOrigin, parent } = struct;
  const flags = (origin === undefined ? 0 : ORIGIN) | (rightOrigin === undefined ? 0 : RIGHT_ORIGIN);
  encoding.writeUint8(encoder, DELETED | flags);
  if (origin !== undefined) writeId(encoder, origin);
  if (rightOrigin !== undefined) writeId(encoder, rightOrigin);
  if (origin !== undefined || rightOrigin !== undefined || parent === undefined) return;
  encoding.writeVarUint(encoder, typeof parent === 'string' ? 1 : 0);
  if (typeof parent === 'string') encoding.writeVarString(encoder, parent);
  else writeId(encoder, parent);
}

function writeId(encoder: encoding.Encoder, id: StructId): void {
  encoding.writeVarUint(encoder, id.client);
  encoding.writeVarUint(encoder, id.clock);
}
