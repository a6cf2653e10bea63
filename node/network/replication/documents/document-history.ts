/**
 * A document with everything in it that was ever written there, whether it counts or not, and who wrote it: where a
 * record stood, and what stood above it, shows only here once an envelope below it counts no more. Built from the log on
 * demand; costs as much as building the document.
 */

import * as Y from 'yjs';
import { type Envelope, EnvelopeKind } from '#protocol/envelope.ts';
import { chainOfClient } from '#shared/documents/client-id.ts';
import { isLost, type OwnRecord } from '#shared/documents/own-records.ts';
import { applyPlainUpdate } from '#shared/documents/plain-decoder.ts';
import { readUpdate, type StructId } from '#shared/documents/update-reader.ts';
import type { MemberId } from '#shared/ids.ts';
import { type DocumentState, loadDoc, type StoredEnvelope } from './document-state.ts';

export interface DocumentHistoryParts {
  /** Reads an accepted envelope back. */
  load(position: number): Envelope;
  /** An accepted update under the clientIDs that the documents here use. */
  incoming(envelope: Envelope): Uint8Array;
  /** Whether the control logs take its effect from it. */
  isCut(envelope: Envelope): boolean;
}

/** Clocks of one client. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** One write to a key of a root map. */
interface Write extends StructId {
  readonly item: Y.Item;
  /** The envelope that carries it; undefined for one that a checkpoint includes. */
  readonly stored: StoredEnvelope | undefined;
}

export class DocumentHistory {
  readonly #doc: Y.Doc;
  /** By client, ascending. */
  readonly #written = new Map<number, (Range & { readonly stored: StoredEnvelope })[]>();
  /** What envelopes that count delete, by client. */
  readonly #deleted = new Map<number, Range[]>();

  /** Those that the control logs cut, not counting no more because a chain forked. */
  readonly #cut = new Set<StoredEnvelope>();

  constructor(state: DocumentState, { load, incoming, isCut }: DocumentHistoryParts) {
    this.#doc = loadDoc(state.base, { gc: false });
    for (const stored of state.envelopes) {
      const envelope = load(stored.position);
      if (envelope.header.kind !== EnvelopeKind.update) continue;
      if (!stored.counted && isCut(envelope)) this.#cut.add(stored);
      this.#add(incoming(envelope), stored);
    }
  }

  /**
   * Records of a member that nothing which counts overwrote or deleted, and that `doc` has lost all the same: what they
   * stood on does not count, or a copy of its home forked the chain they were written in. What was cut is not lost but
   * taken back. Of each key only the last one.
   *
   * @param doc the same document as it is
   */
  lostRecords(doc: Y.Doc, member: MemberId): OwnRecord[] {
    const lost: OwnRecord[] = [];
    for (const [root, type] of this.#doc.share) {
      for (const [key, last] of type._map) {
        const { newest, above } = this.#newestOf(last, member);
        if (newest === undefined || !(newest.item.content instanceof Y.ContentAny) || !isLost(doc, newest)) continue;
        if (above.some((write) => counts(write) && memberOf(write) !== member) || this.#isDeleted(newest)) continue;
        const { client, clock } = newest;
        lost.push({ root, key, value: newest.item.content.arr.at(-1), client, clock });
      }
    }
    return lost;
  }

  /** Whether a member wrote to a key after the checkpoint that the document stands on. */
  hasWritten(member: MemberId, { root, key }: Pick<OwnRecord, 'root' | 'key'>): boolean {
    const last = this.#doc.share.get(root)?._map.get(key);
    return last !== undefined && this.#newestOf(last, member).newest?.stored !== undefined;
  }

  /** The member's last write that was not cut, and the writes by which it was overwritten, if everything counted. */
  #newestOf(last: Y.Item, member: MemberId): { newest: Write | undefined; above: readonly Write[] } {
    const writes: Write[] = [];
    let newest = -1;
    for (let item: Y.Item | null = last; item !== null; item = item.left) {
      const { client, clock } = item.lastId;
      const write = { item, client, clock, stored: this.#writerOf(item.lastId) };
      writes.push(write);
      // A record that was written again may stand below its older self: what was written later counts.
      if (memberOf(write) !== member || (write.stored && this.#cut.has(write.stored))) continue;
      if (newest < 0 || orderOf(write) > orderOf(writes[newest] as Write)) newest = writes.length - 1;
    }
    return { newest: writes[newest], above: writes.slice(0, Math.max(0, newest)) };
  }

  #add(payload: Uint8Array, stored: StoredEnvelope): void {
    const { client, structs, deletes } = readUpdate(payload);
    const [first, last] = [structs[0], structs.at(-1)];
    if (client !== undefined && first !== undefined && last !== undefined) {
      const range = { from: first.clock, to: last.clock + last.length, stored };
      listOf(this.#written, client).push(range);
    }
    if (stored.counted) {
      for (const { client: of, clock, length } of deletes) {
        listOf(this.#deleted, of).push({ from: clock, to: clock + length });
      }
    }
    applyPlainUpdate(this.#doc, payload);
  }

  #writerOf({ client, clock }: StructId): StoredEnvelope | undefined {
    const ranges = this.#written.get(client) ?? [];
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as Range).to > clock) high = middle;
      else low = middle + 1;
    }
    const found = ranges[low];
    return found !== undefined && found.from <= clock ? found.stored : undefined;
  }

  #isDeleted({ client, clock }: StructId): boolean {
    return this.#deleted.get(client)?.some(({ from, to }) => from <= clock && clock < to) === true;
  }
}

/** What a checkpoint includes without effect is not in it. */
function counts({ stored }: Write): boolean {
  return stored?.counted ?? true;
}

function memberOf({ stored, client }: Write): number | undefined {
  return stored?.member ?? chainOfClient(client)?.member;
}

function orderOf({ stored }: Write): number {
  return stored?.lamport ?? 0;
}

function listOf<T>(lists: Map<number, T[]>, client: number): T[] {
  const list = lists.get(client) ?? [];
  lists.set(client, list);
  return list;
}
