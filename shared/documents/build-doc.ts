/**
 * Builds a Y.Doc from an update that holds all of it. Yjs takes any update at any time: it looks every neighbour up,
 * tells observers, and tidies up afterwards. Of a whole document that nobody has seen yet nearly every item just goes
 * beside the one it names, which takes half the time.
 *
 * Only items whose place is plain are linked here; where members wrote at one place at once, Yjs finds the place. An
 * update with anything else, content that documents do not hold among it, is Yjs's from the start.
 */

import { createDecoder } from 'lib0/decoding';
import * as Y from 'yjs';
import { PlainDecoder } from './plain-decoder.ts';
import { type Struct, StructColumn } from './struct-column.ts';
import { gatherUnread, skipValues, unreadValues } from './unread-values.ts';

type AnyType = Y.AbstractType<unknown>;
/** What `new Y.Doc` takes. */
export type DocOptions = ConstructorParameters<typeof Y.Doc>[0];

const ORIGIN = 0x80;
const RIGHT_ORIGIN = 0x40;
const PARENT_SUB = 0x20;
const CONTENT = 0x1f;

/** Something that is left to Yjs. */
class Unusual extends Error {}

/** Structs of one client that were read and not placed yet. */
interface Waiting {
  readonly structs: Struct[];
  next: number;
}

/**
 * @param state a Yjs V1 update; one that lacks something leaves what waits for it pending. Plain values are read of it
 * when they are asked for, so that nothing may be written there any more
 * @throws what Yjs throws at bytes that are none
 */
export function buildDoc(state: Uint8Array, options?: DocOptions): Y.Doc {
  try {
    return buildPlainly(state, options);
  } catch {
    // Yjs throws, too, if the bytes are what is wrong.
    const doc = new Y.Doc(options);
    Y.applyUpdate(doc, state);
    return doc;
  }
}

/** As {@link buildDoc}. @throws at whatever is left to Yjs there */
export function buildPlainly(state: Uint8Array, options?: DocOptions): Y.Doc {
  const doc = new Y.Doc(options);
  new Builder(doc, new PlainDecoder(createDecoder(state))).build();
  return doc;
}

class Builder {
  readonly #doc: Y.Doc;
  readonly #decoder: PlainDecoder;
  readonly #columns = new Map<number, StructColumn>();
  readonly #waiting = new Map<number, Waiting>();
  /** Never ended: there is nobody to tell, and what Yjs would tidy up is done here. */
  readonly #transaction: Y.Transaction;
  /** Parent that was named last. */
  #rootName: string | undefined;
  #root: AnyType | undefined;
  /** Neighbours of the item that was read last: undefined where they are not here yet. */
  #left: Struct | null | undefined = null;
  #right: Struct | null | undefined = null;
  /** Of values that nobody read. */
  #unreadBytes = 0;

  constructor(doc: Y.Doc, decoder: PlainDecoder) {
    this.#doc = doc;
    this.#decoder = decoder;
    this.#transaction = new Y.Transaction(doc, null, false);
  }

  build(): void {
    this.#doc._transaction = this.#transaction;
    for (let left = this.#decoder.readLen(); left > 0; left--) this.#readClient();
    for (const client of this.#waiting.keys()) this.#placeWaiting(client);
    this.#checkDeletes();
    for (const column of this.#columns.values()) {
      if (!column.isTrue) throw new Unusual();
      joinRuns(column.structs);
    }
    this.#gatherUnread();
    this.#doc._transaction = null;
  }

  /** What is unread keeps the bytes it lies in: all of them are worth it where it is the most. */
  #gatherUnread(): void {
    const bytes = this.#unreadBytes;
    if (bytes === 0 || 2 * bytes >= this.#decoder.restDecoder.arr.buffer.byteLength) return;
    gatherUnread(this.#contents(), bytes);
  }

  *#contents(): Generator<Y.Item['content']> {
    for (const { structs } of this.#columns.values()) {
      for (const struct of structs) if (struct instanceof Y.Item) yield struct.content;
    }
  }

  #readClient(): void {
    const decoder = this.#decoder;
    const count = decoder.readLen();
    // A struct takes two bytes at least.
    if (count > decoder.restDecoder.arr.length / 2) throw new Unusual();
    const client = decoder.readClient();
    let clock = decoder.readLen();
    if (clock !== 0 || count === 0 || this.#columns.has(client)) throw new Unusual();
    const column = new StructColumn(count);
    this.#columns.set(client, column);
    let waiting: Struct[] | undefined;
    for (let left = count; left > 0; left--) {
      const struct = this.#readStruct(Y.createID(client, clock));
      clock += struct.length;
      if (struct.length < 1 || !Number.isSafeInteger(clock)) throw new Unusual();
      // At once, as long as it stands on nothing that follows: what was just made is at hand.
      if (waiting === undefined && this.#placeBeside(struct, this.#left, this.#right, column) !== undefined) {
        waiting = [];
        this.#waiting.set(client, { structs: waiting, next: 0 });
      }
      waiting?.push(struct);
    }
  }

  #readStruct(id: Y.ID): Struct {
    const decoder = this.#decoder;
    const info = decoder.readInfo();
    if (info === 0) return new Y.GC(id, decoder.readLen());
    const origin = (info & ORIGIN) === 0 ? null : this.#readLeft();
    if (origin === null) this.#left = null;
    const rightOrigin = (info & RIGHT_ORIGIN) === 0 ? null : this.#readRight();
    if (rightOrigin === null) this.#right = null;
    let parent: AnyType | Y.ID | null = null;
    let parentSub: string | null = null;
    if (origin === null && rightOrigin === null) {
      parent = decoder.readParentInfo() ? this.#readRoot() : decoder.readLeftID();
      if ((info & PARENT_SUB) !== 0) parentSub = decoder.readString();
    }
    return new Y.Item(id, null, origin, null, rightOrigin, parent, parentSub, this.#readContent(info & CONTENT));
  }

  /** The left neighbour's last id: its very own, if it is here and ends there. */
  #readLeft(): Y.ID {
    const client = this.#decoder.readClient();
    const clock = this.#decoder.readLen();
    const left = this.#columns.get(client)?.at(clock);
    this.#left = left;
    return left instanceof Y.Item && left.length === 1 ? left.id : Y.createID(client, clock);
  }

  #readRight(): Y.ID {
    const client = this.#decoder.readClient();
    const clock = this.#decoder.readLen();
    const right = this.#columns.get(client)?.at(clock);
    this.#right = right;
    return right instanceof Y.Item && right.id.clock === clock ? right.id : Y.createID(client, clock);
  }

  /** Mostly the same as before. */
  #readRoot(): AnyType {
    const name = this.#decoder.readExpected(this.#rootName);
    if (this.#root === undefined || name !== this.#rootName) this.#root = this.#doc.get(name) as AnyType;
    this.#rootName = name;
    return this.#root;
  }

  #readContent(ref: number): Y.Item['content'] {
    const decoder = this.#decoder;
    switch (ref) {
      case 1:
        return new Y.ContentDeleted(decoder.readLen());
      case 4:
        return new Y.ContentString(decoder.readString());
      case 7:
        return new Y.ContentType(newType(decoder.readTypeRef()));
      case 8:
        return this.#readValues(decoder.readLen());
      default:
        throw new Unusual();
    }
  }

  #readValues(count: number): Y.ContentAny {
    const { restDecoder } = this.#decoder;
    const { arr, pos } = restDecoder;
    const end = skipValues(arr, pos, count);
    if (end !== undefined) {
      restDecoder.pos = end;
      this.#unreadBytes += end - pos;
      return unreadValues(arr, pos, count);
    }
    const values: unknown[] = [];
    for (let left = count; left > 0; left--) values.push(this.#decoder.readAny());
    return new Y.ContentAny(values);
  }

  /** Places what waits of a client, and before each struct whatever of others it stands on. */
  #placeWaiting(first: number): void {
    const tasks: { readonly client: number; readonly end: number }[] = [
      { client: first, end: Number.POSITIVE_INFINITY },
    ];
    for (let task = tasks.at(-1); task !== undefined; task = tasks.at(-1)) {
      const { client, end } = task;
      const column = this.#columns.get(client);
      const waiting = this.#waiting.get(client);
      const struct = waiting?.structs[waiting.next];
      if (column === undefined || waiting === undefined || struct === undefined || column.end >= end) {
        // Nothing of it comes any more that something else stands on.
        if (Number.isFinite(end) && (column?.end ?? 0) < end) throw new Unusual();
        tasks.pop();
        continue;
      }
      const missing = this.#place(struct, column);
      if (missing === undefined) {
        waiting.next++;
        continue;
      }
      // Those that wait for each other would do so for ever.
      if (tasks.some((known) => known.client === missing.client)) throw new Unusual();
      tasks.push({ client: missing.client, end: missing.clock + 1 });
    }
  }

  /** Puts a struct into the document. @returns what it stands on, if that is not there yet */
  #place(struct: Struct, column: StructColumn): Y.ID | undefined {
    if (struct instanceof Y.GC) return void this.#store(struct, column);
    const { origin, rightOrigin } = struct;
    const left = origin === null ? null : this.#structAt(origin);
    const right = rightOrigin === null ? null : this.#structAt(rightOrigin);
    return this.#placeBeside(struct, left, right, column);
  }

  /** As {@link #place}. @param left what holds the item's origin; undefined where that is not there */
  #placeBeside(
    struct: Struct,
    left: Struct | null | undefined,
    right: Struct | null | undefined,
    column: StructColumn,
  ): Y.ID | undefined {
    if (struct instanceof Y.GC) return void this.#store(struct, column);
    const { origin, rightOrigin, parent } = struct;
    if (left === undefined) return origin ?? undefined;
    if (right === undefined) return rightOrigin ?? undefined;
    if (parent instanceof Y.ID && this.#structAt(parent) === undefined) return parent;
    const isBeside = isEnd(left, origin) && isStart(right, rightOrigin);
    if (!isBeside || !this.#link(struct, left, right, column)) this.#integrate(struct, left, right, column);
    return undefined;
  }

  /** Puts an item between its neighbours. @returns false where that is not plainly its place; nothing is changed then */
  #link(item: Y.Item, left: Y.Item | null, right: Y.Item | null, column: StructColumn): boolean {
    const beside = left ?? right;
    const parent = beside === null ? this.#typeOf(item.parent) : (beside.parent as AnyType);
    const parentSub = beside === null ? item.parentSub : beside.parentSub;
    if (!isFree(left, right, parent, parentSub)) return false;
    item.parent = parent;
    item.parentSub = parentSub;
    item.left = left;
    item.right = right;
    if (left !== null) left.right = item;
    else if (parentSub === null) parent._start = item;
    if (right !== null) right.left = item;
    else if (parentSub !== null) parent._map.set(parentSub, item);
    if (parentSub === null && item.countable) parent._length += item.length;
    this.#store(item, column);
    if (item.content instanceof Y.ContentDeleted) item.markDeleted();
    else if (item.content instanceof Y.ContentType) item.content.type._integrate(this.#doc, item);
    this.#checkLiving(item, parent);
    return true;
  }

  /** Has Yjs find the place: inside a run, or where somebody else wrote at the same time. */
  #integrate(item: Y.Item, left: Struct | null, right: Struct | null, column: StructColumn): void {
    const { origin, rightOrigin } = item;
    item.getMissing(this.#transaction, this.#doc.store);
    // What is gone for good is not cut.
    if (left instanceof Y.Item && origin !== null) this.#columns.get(origin.client)?.cut(origin.clock + 1);
    if (right instanceof Y.Item && rightOrigin !== null) this.#columns.get(rightOrigin.client)?.cut(rightOrigin.clock);
    item.integrate(this.#transaction, 0);
    column.structs = this.#doc.store.clients.get(item.id.client) ?? [];
    column.appended(item.length);
    if (item.parent instanceof Y.AbstractType) this.#checkLiving(item, item.parent as AnyType);
  }

  #store(struct: Struct, column: StructColumn): void {
    if (column.structs.length === 0) this.#doc.store.clients.set(struct.id.client, column.structs);
    column.structs.push(struct);
    column.appended(struct.length);
  }

  /** What Yjs deletes on its own would want tidying up: in a state it is gone already. */
  #checkLiving(item: Y.Item, parent: AnyType): void {
    const replaced = item.parentSub !== null && item.left !== null && !isGone(item.left);
    const outlived = parent._item?.deleted === true || (item.parentSub !== null && item.right !== null);
    if (replaced || (outlived && !isGone(item))) throw new Unusual();
  }

  #structAt({ client, clock }: Y.ID): Struct | undefined {
    return this.#columns.get(client)?.at(clock);
  }

  #typeOf(parent: Y.Item['parent']): AnyType {
    if (parent instanceof Y.AbstractType) return parent as AnyType;
    const holder = parent === null ? undefined : this.#structAt(parent);
    if (holder instanceof Y.Item && holder.content instanceof Y.ContentType) return holder.content.type as AnyType;
    throw new Unusual();
  }

  /** What is deleted must be gone already. */
  #checkDeletes(): void {
    const decoder = this.#decoder;
    for (let clients = decoder.readLen(); clients > 0; clients--) {
      const column = this.#columns.get(decoder.readLen());
      let i = 0;
      for (let ranges = decoder.readLen(); ranges > 0; ranges--) {
        const from = decoder.readDsClock();
        const to = from + decoder.readDsLen();
        if (column === undefined || to > column.end) throw new Unusual();
        // One range follows the other.
        i = column.indexOf(from, i);
        for (
          let struct = column.structs[i];
          struct !== undefined && struct.id.clock < to;
          struct = column.structs[++i]
        ) {
          if (struct instanceof Y.Item && !isGone(struct)) throw new Unusual();
        }
      }
    }
  }
}

/** Whether an item is none, or ends with an id: inside a run is no place. */
function isEnd(item: Struct | null, id: Y.ID | null): item is Y.Item | null {
  return item === null || (item instanceof Y.Item && item.id.clock + item.length - 1 === id?.clock);
}

/** Whether an item is none, or begins with an id. */
function isStart(item: Struct | null, id: Y.ID | null): item is Y.Item | null {
  return item === null || (item instanceof Y.Item && item.id.clock === id?.clock);
}

/** Neighbours that are one run become one struct, as Yjs leaves them. */
function joinRuns(structs: Struct[]): void {
  let at = structs.length - 1;
  for (let i = at - 1; i >= 0; i--) {
    const left = structs[i] as Struct;
    const right = structs[at] as Struct;
    // Most do not go together, which is seen without a call.
    if ((left instanceof Y.Item && left.right !== right) || !join(left, right)) at--;
    structs[at] = left;
  }
  if (at > 0) structs.splice(0, at);
}

/** @returns whether `left` stands for both now */
function join(left: Struct, right: Struct): boolean {
  if (left instanceof Y.GC) return right instanceof Y.GC && left.mergeWith(right);
  if (!(right instanceof Y.Item) || left.right !== right || left.deleted !== right.deleted) return false;
  const { parent, parentSub } = right;
  const isEntry = parentSub !== null && (parent as AnyType)._map.get(parentSub) === right;
  if (!left.mergeWith(right)) return false;
  if (isEntry) (parent as AnyType)._map.set(parentSub, left);
  return true;
}

/** Whether nothing stands between two neighbours, or nothing at all where there are none. */
function isFree(left: Y.Item | null, right: Y.Item | null, parent: AnyType, parentSub: string | null): boolean {
  if (left !== null) return left.right === right;
  if (right !== null) return right.left === null;
  return parentSub === null ? parent._start === null : !parent._map.has(parentSub);
}

/** Whether nothing is left of an item but that it was there. */
function isGone(item: Y.Item): boolean {
  return item.content instanceof Y.ContentDeleted;
}

function newType(ref: number): Y.AbstractType<unknown> {
  if (ref === 0) return new Y.Array() as Y.AbstractType<unknown>;
  if (ref === 1) return new Y.Map() as Y.AbstractType<unknown>;
  if (ref === 2) return new Y.Text() as Y.AbstractType<unknown>;
  throw new Unusual();
}
