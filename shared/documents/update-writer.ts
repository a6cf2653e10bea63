/**
 * Writes Yjs V1 updates from what `update-reader.ts` read, with ids changed on the way: content bytes are copied as they
 * are.
 */

import * as encoding from 'lib0/encoding';
import type { DeleteRange, ReadUpdate, StructId, UpdateStruct } from './update-reader.ts';

const ORIGIN = 0x80;
const RIGHT_ORIGIN = 0x40;
const PARENT_SUB = 0x20;
const DELETED = 1;

/** Under which ids what an update names is known elsewhere. */
export interface IdMap {
  id(id: StructId): StructId;
  /** A range may fall apart: its parts may be known under different clients. */
  range(range: DeleteRange): readonly DeleteRange[];
}

/** How one struct is written: as it is, without its right neighbour, or as what it leaves when it counts no more. */
export type StructForm = 'whole' | 'rightless' | 'deleted' | 'gc';

/**
 * Encodes some structs of an update, which must follow each other.
 *
 * @param payload the bytes that `structs` were read from
 * @param client that wrote them
 */
export function encodeStructs(
  payload: Uint8Array,
  client: number,
  structs: readonly UpdateStruct[],
  form: (struct: UpdateStruct) => StructForm,
  deletes: readonly DeleteRange[] = [],
  ids?: IdMap,
): Uint8Array {
  const encoder = encoding.createEncoder();
  const first = structs[0];
  encoding.writeVarUint(encoder, first === undefined ? 0 : 1);
  if (first !== undefined) {
    const start = { client, clock: first.clock };
    encoding.writeVarUint(encoder, structs.length);
    writeId(encoder, ids?.id(start) ?? start);
    for (const struct of structs) writeStruct(encoder, payload, struct, form(struct), ids);
  }
  writeDeletes(encoder, ids === undefined ? deletes : deletes.flatMap((range) => ids.range(range)));
  return encoding.toUint8Array(encoder);
}

/** The same update under other ids. */
export function renameUpdate(payload: Uint8Array, update: ReadUpdate, ids: IdMap): Uint8Array {
  return encodeStructs(payload, update.client ?? 0, update.structs, () => 'whole', update.deletes, ids);
}

function writeStruct(
  encoder: encoding.Encoder,
  payload: Uint8Array,
  struct: UpdateStruct,
  form: StructForm,
  ids: IdMap | undefined,
): void {
  if (form === 'gc' || struct.content === 'gc') {
    encoding.writeUint8(encoder, 0);
    encoding.writeVarUint(encoder, struct.length);
    return;
  }
  const name = (id: StructId): StructId => ids?.id(id) ?? id;
  const { origin, parent, parentSub } = struct;
  const rightOrigin = form === 'rightless' ? undefined : struct.rightOrigin;
  const content = form === 'deleted' ? DELETED : (payload[struct.from] as number) & 0x1f;
  // What a struct's first byte says of a map key must be said again even where the key itself is not.
  const sub = form === 'deleted' ? 0 : (payload[struct.from] as number) & PARENT_SUB;
  const flags = (origin === undefined ? 0 : ORIGIN) | (rightOrigin === undefined ? 0 : RIGHT_ORIGIN) | sub;
  encoding.writeUint8(encoder, content | flags);
  if (origin !== undefined) writeId(encoder, name(origin));
  if (rightOrigin !== undefined) writeId(encoder, name(rightOrigin));
  if (origin === undefined && rightOrigin === undefined && parent !== undefined) {
    encoding.writeVarUint(encoder, typeof parent === 'string' ? 1 : 0);
    if (typeof parent === 'string') encoding.writeVarString(encoder, parent);
    else writeId(encoder, name(parent));
    if (sub !== 0 && parentSub !== undefined) encoding.writeVarString(encoder, parentSub);
  }
  if (form === 'deleted') encoding.writeVarUint(encoder, struct.length);
  else encoding.writeUint8Array(encoder, payload.subarray(struct.body, struct.to));
}

/** The delete set of a V1 update: ranges by client, in the order given. */
export function writeDeletes(encoder: encoding.Encoder, deletes: readonly DeleteRange[]): void {
  const byClient = new Map<number, DeleteRange[]>();
  for (const range of deletes) {
    const ranges = byClient.get(range.client);
    if (ranges === undefined) byClient.set(range.client, [range]);
    else ranges.push(range);
  }
  encoding.writeVarUint(encoder, byClient.size);
  for (const [owner, ranges] of byClient) {
    encoding.writeVarUint(encoder, owner);
    encoding.writeVarUint(encoder, ranges.length);
    for (const range of ranges) {
      encoding.writeVarUint(encoder, range.clock);
      encoding.writeVarUint(encoder, range.length);
    }
  }
}

function writeId(encoder: encoding.Encoder, id: StructId): void {
  encoding.writeVarUint(encoder, id.client);
  encoding.writeVarUint(encoder, id.clock);
}
