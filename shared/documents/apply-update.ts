/**
 * Applies an update that passed the check. Yjs trusts an item's two neighbours to be in order and in one sequence; where
 * a hostile author's are not, two replicas could place the item differently. So such an item loses its right neighbour
 * first. That depends on nothing but the item's past: the order of two items never changes.
 */

import * as Y from 'yjs';
import { type ReadUpdate, readUpdate, type StructId, type UpdateStruct } from './update-reader.ts';
import { encodeStructs, type StructForm } from './update-writer.ts';

/**
 * @param payload under the ids that `doc` uses
 * @param doc holds its whole causal past
 * @param update what the check read of the payload, where that is at hand
 */
export function applyCheckedUpdate(
  doc: Y.Doc,
  payload: Uint8Array,
  origin: unknown,
  update: ReadUpdate = readUpdate(payload),
): void {
  const doubtful = update.structs.some((struct) => !isPlainlyBetween(struct, update));
  if (!doubtful) {
    if (update.structs.every((struct) => isStraight(struct, update, doc))) return Y.applyUpdate(doc, payload, origin);
  }
  // One by one, so that each finds those before it in their places.
  doc.transact(() => {
    const client = update.client ?? 0;
    for (const struct of update.structs) {
      const form: StructForm = isStraightInDoc(struct, doc) ? 'whole' : 'rightless';
      Y.applyUpdate(
        doc,
        encodeStructs(payload, client, [struct], () => form),
        origin,
      );
    }
    if (update.deletes.length > 0)
      Y.applyUpdate(
        doc,
        encodeStructs(payload, 0, [], () => 'gc', update.deletes),
        origin,
      );
  }, origin);
}

/** Whether the document as it stands, and the structs before in the update, are all it takes to judge a struct. */
function isPlainlyBetween({ origin, rightOrigin }: UpdateStruct, update: ReadUpdate): boolean {
  if (origin === undefined || rightOrigin === undefined) return true;
  if (isOwn(rightOrigin, update)) return false;
  if (!isOwn(origin, update)) return true;
  // It goes on after one that lies between something and the same right neighbour.
  const before = update.structs.find((other) => origin.clock < other.clock + other.length);
  return before?.rightOrigin !== undefined && sameId(before.rightOrigin, rightOrigin);
}

function isStraight(struct: UpdateStruct, update: ReadUpdate, doc: Y.Doc): boolean {
  return (struct.origin !== undefined && isOwn(struct.origin, update)) || isStraightInDoc(struct, doc);
}

function isOwn(id: StructId, { client, structs }: ReadUpdate): boolean {
  return id.client === client && id.clock >= (structs[0]?.clock ?? 0);
}

function sameId(a: StructId, b: StructId): boolean {
  return a.client === b.client && a.clock === b.clock;
}

/** Whether a struct's neighbours, both in the document, are in order and in one sequence. */
function isStraightInDoc({ origin, rightOrigin }: UpdateStruct, doc: Y.Doc): boolean {
  if (origin === undefined || rightOrigin === undefined) return true;
  const left = Y.getItem(doc.store, Y.createID(origin.client, origin.clock));
  // Beside something that is gone it is gone itself.
  if (!(left instanceof Y.Item)) return true;
  const right = Y.getItem(doc.store, Y.createID(rightOrigin.client, rightOrigin.clock));
  // Neighbours in one sequence go together: this one was in another.
  if (!(right instanceof Y.Item)) return false;
  if (left.parent !== right.parent || left.parentSub !== null || right.parentSub !== null) return false;
  if (left === right) return sameId(origin, rightOrigin) ? false : origin.clock < rightOrigin.clock;
  for (let item = left.right; item !== null; item = item.right) if (item === right) return true;
  return false;
}
