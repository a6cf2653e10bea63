/**
 * What a page says over the plain Yjs protocol, read against what is here already. A page repeats itself: it sends
 * whatever it believes is missing, with everything it ever saw deleted. So structs and deletes that are here are left
 * out, and so is what was written under another id than its own. Nothing is applied, and nothing is trusted: what comes
 * out of it is checked like any other update.
 */

import * as Y from 'yjs';
import { SandboxError } from '../errors.ts';
import { mergeDeletes } from './local-update.ts';
import type { DeleteRange, StructId } from './update-reader.ts';

export interface PageMessage {
  /** Yjs V1. */
  readonly update: Uint8Array;
  /** One transaction of the page: nothing reached it in between. Else it may have been written over days. */
  readonly atOnce: boolean;
}

/** Structs of the page's own id that follow each other, and deletes, which it made without hearing of anything in between. */
export interface PagePart {
  /** The first may begin before the clock where the page stood. */
  readonly structs: readonly (Y.GC | Y.Item)[];
  readonly deletes: readonly DeleteRange[];
}

/** What is new in a page's messages. */
export interface PageNews {
  readonly parts: readonly PagePart[];
  /** Clocks under ids that are not the page's and that are not here: left out. */
  readonly foreign: number;
  /** Something it sent is missing in between, or stands on what is not here: it must be asked for all of it again. */
  readonly incomplete: boolean;
}

/**
 * Reads untrusted bytes.
 *
 * @param messages in the order they came
 * @param doc holds what is here; the page's own id has its clocks in it up to `clock`
 * @param client the page's own id
 * @throws {SandboxError} BAD_ARGUMENT
 */
export function readPageMessages(
  messages: readonly PageMessage[],
  doc: Y.Doc,
  client: number,
  clock: number,
): PageNews {
  const parts: PagePart[] = [];
  let [endClock, foreign, incomplete] = [clock, 0, false];
  for (const { update, atOnce } of messages) {
    const { structs: read, ds } = decode(update);
    const own = read.filter((struct) => struct.id.client === client);
    for (const struct of read) if (struct.id.client !== client) foreign += clocksBeyond(doc, struct);
    const { structs, end, gap } = following(own, endClock);
    endClock = end;
    const deletes = newDeletes(ds, doc, (owner) => (owner === client ? endClock : 0));
    incomplete ||= gap || deletes.beyond;
    if (atOnce) {
      if (structs.length + deletes.ranges.length > 0) parts.push({ structs, deletes: deletes.ranges });
    } else {
      for (const struct of structs) parts.push({ structs: [struct], deletes: [] });
      if (deletes.ranges.length > 0) parts.push({ structs: [], deletes: deletes.ranges });
    }
  }
  return { parts, foreign, incomplete: incomplete || foreign > 0 };
}

type Struct = Y.GC | Y.Item | Y.Skip;

function clocksBeyond(doc: Y.Doc, { id, length }: Struct): number {
  return Math.max(0, id.clock + length - Math.max(id.clock, Y.getState(doc.store, id.client)));
}

/** Those that go on from a clock without a gap. */
function following(own: readonly Struct[], clock: number) {
  const structs: (Y.GC | Y.Item)[] = [];
  let end = clock;
  for (const struct of own) {
    if (struct.id.clock + struct.length <= end) continue;
    if (struct instanceof Y.Skip || struct.id.clock > end) return { structs, end, gap: true };
    structs.push(struct);
    end = struct.id.clock + struct.length;
  }
  return { structs, end, gap: false };
}

/** What of others a part refers to: of each client the highest clock, since who has seen it has seen those before. */
export function referencesOf({ structs, deletes }: PagePart, client: number): StructId[] {
  const highest = new Map<number, number>();
  const see = (id: StructId | null): void => {
    if (id !== null && id.client !== client && id.clock >= (highest.get(id.client) ?? 0))
      highest.set(id.client, id.clock);
  };
  for (const struct of structs) {
    if (!(struct instanceof Y.Item)) continue;
    see(struct.origin);
    see(struct.rightOrigin);
    if (struct.parent instanceof Y.ID) see(struct.parent);
  }
  for (const range of deletes) see({ client: range.client, clock: range.clock + range.length - 1 });
  return [...highest].map(([owner, clock]) => ({ client: owner, clock }));
}

type Decoded = ReturnType<typeof Y.decodeUpdate>;

function decode(bytes: Uint8Array): Decoded {
  try {
    return Y.decodeUpdate(bytes);
  } catch (cause) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot read a document update of ${bytes.length} bytes`, {
      hint: 'Send Yjs updates in version 1.',
      cause,
    });
  }
}

/** @param written first clock that is not yet written, of a client that writes along with it */
function newDeletes(ds: Decoded['ds'], doc: Y.Doc, written: (client: number) => number) {
  const ranges: DeleteRange[] = [];
  let beyond = false;
  for (const [client, items] of ds.clients) {
    const known = Y.getState(doc.store, client);
    const limit = Math.max(known, written(client));
    for (const { clock, len } of items) {
      const end = Math.min(clock + len, limit);
      ranges.push(...livingParts(doc, client, clock, Math.min(end, known)));
      const from = Math.max(clock, known);
      if (end > from) ranges.push({ client, clock: from, length: end - from });
      beyond ||= clock + len > limit;
    }
  }
  return { ranges: mergeDeletes(ranges), beyond };
}

/** Parts of a range that are here and not deleted. */
function livingParts(doc: Y.Doc, client: number, clock: number, end: number): DeleteRange[] {
  const structs = doc.store.clients.get(client);
  const parts: DeleteRange[] = [];
  if (structs === undefined || end <= clock) return parts;
  for (let i = Y.findIndexSS(structs, clock); i < structs.length; i++) {
    const struct = structs[i] as Y.GC | Y.Item;
    if (struct.id.clock >= end) break;
    if (struct.deleted) continue;
    const from = Math.max(clock, struct.id.clock);
    parts.push({ client, clock: from, length: Math.min(end, struct.id.clock + struct.length) - from });
  }
  return parts;
}
