/**
 * Applies an update that passed the check. Yjs trusts that an item's two neighbours stood side by side when its author
 * wrote it; where a hostile author's did not, two replicas could place the item differently. So such an item loses its
 * right neighbour first. That depends on nothing but the item's past: the order of two items never changes.
 */

import * as Y from 'yjs';
import { applyPlainUpdate } from './plain-decoder.ts';
import { type ReadUpdate, readUpdate, type StructId, type UpdateStruct } from './update-reader.ts';
import { encodeStructs, type StructForm } from './update-writer.ts';

/** Whether the author had an item when it wrote, by its id in the document. */
export type AuthorPast = (id: StructId) => boolean;

/**
 * @param payload under the ids that `doc` uses
 * @param doc holds its whole causal past
 * @param past asked only where something lies between two neighbours
 * @param update what the check read of the payload, where that is at hand
 */
export function applyCheckedUpdate(
  doc: Y.Doc,
  payload: Uint8Array,
  origin: unknown,
  past: AuthorPast,
  update: ReadUpdate = readUpdate(payload),
): void {
  const doubtful = update.structs.some((struct) => !isPlainlyBetween(struct, update));
  if (!doubtful) {
    if (update.structs.every((struct) => isStraight(struct, update, doc, past)))
      return applyPlainUpdate(doc, payload, origin);
  }
  // One by one, so that each finds those before it in their places.
  doc.transact(() => {
    const client = update.client ?? 0;
    for (const struct of update.structs) {
      const form: StructForm = areNeighbours(struct, doc, past) ? 'whole' : 'rightless';
      applyPlainUpdate(
        doc,
        encodeStructs(payload, client, [struct], () => form),
        origin,
      );
    }
    if (update.deletes.length > 0)
      applyPlainUpdate(
        doc,
        encodeStructs(payload, 0, [], () => 'gc', update.deletes),
        origin,
      );
  }, origin);
}

/** Whether the document as it stands, and the struct before in the update, are all it takes to judge a struct. */
function isPlainlyBetween({ clock, origin, rightOrigin }: UpdateStruct, update: ReadUpdate): boolean {
  if (origin === undefined || rightOrigin === undefined) return true;
  if (isOwn(rightOrigin, update)) return false;
  if (!isOwn(origin, update)) return true;
  // It goes on after the one before, towards the same right neighbour.
  const before = update.structs.find((other) => clock === other.clock + other.length);
  return origin.clock === clock - 1 && before?.rightOrigin !== undefined && sameId(before.rightOrigin, rightOrigin);
}

function isStraight(struct: UpdateStruct, update: ReadUpdate, doc: Y.Doc, past: AuthorPast): boolean {
  return (struct.origin !== undefined && isOwn(struct.origin, update)) || areNeighbours(struct, doc, past);
}

function isOwn(id: StructId, { client, structs }: ReadUpdate): boolean {
  return id.client === client && id.clock >= (structs[0]?.clock ?? 0);
}

function sameId(a: StructId, b: StructId): boolean {
  return a.client === b.client && a.clock === b.clock;
}

/** Whether a struct's neighbours, both in the document, stood side by side for its author. */
function areNeighbours({ origin, rightOrigin }: UpdateStruct, doc: Y.Doc, past: AuthorPast): boolean {
  if (origin === undefined || rightOrigin === undefined) return true;
  const left = Y.getItem(doc.store, Y.createID(origin.client, origin.clock));
  // Beside something that is gone it is gone itself.
  if (!(left instanceof Y.Item)) return true;
  const right = Y.getItem(doc.store, Y.createID(rightOrigin.client, rightOrigin.clock));
  // What lies in one sequence goes together: this one was in another.
  if (!(right instanceof Y.Item)) return false;
  if (left.parent !== right.parent || left.parentSub !== null || right.parentSub !== null) return false;
  // An item is a run: the left neighbour may be followed by more of it.
  let next: StructId = { client: origin.client, clock: origin.clock + 1 };
  let item: Y.Item | null = left;
  if (next.clock >= left.id.clock + left.length) item = left.right;
  for (; item !== null; item = item.right) {
    if (item !== left) next = item.id;
    if (sameId(next, rightOrigin)) return true;
    // The right neighbour itself is past: what begins before it in its run is too.
    if (item === right || past(next)) return false;
  }
  return false;
}
