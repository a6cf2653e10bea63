/**
 * Map records a member wrote, as they stand in a document: what its daemon writes again when a checkpoint, or the end of
 * a forked chain, took them along because they had overwritten what does not count.
 */

import * as Y from 'yjs';
import type { MemberId } from '../ids.ts';
import { chainOfClient } from './client-id.ts';

export interface OwnRecord {
  readonly root: string;
  readonly key: string;
  readonly value: unknown;
  readonly client: number;
  readonly clock: number;
}

/** Plain values of root maps whose present writer is `member`. */
export function collectOwnRecords(doc: Y.Doc, member: MemberId): OwnRecord[] {
  const records: OwnRecord[] = [];
  for (const [root, type] of doc.share) {
    for (const [key, item] of type._map) {
      const { client, clock } = item.lastId;
      if (item.deleted || !(item.content instanceof Y.ContentAny)) continue;
      if (chainOfClient(client)?.member !== member) continue;
      records.push({ root, key, value: item.content.arr.at(-1), client, clock });
    }
  }
  return records;
}

/** Whether a record's place is gone with what it stood on; one that a later write took over is not lost. */
export function isLost(doc: Y.Doc, { client, clock }: Pick<OwnRecord, 'client' | 'clock'>): boolean {
  if (Y.getState(doc.store, client) <= clock) return true;
  return !(Y.getItem(doc.store, Y.createID(client, clock)) instanceof Y.Item);
}
