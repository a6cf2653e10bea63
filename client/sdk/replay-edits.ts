/**
 * Edits that a document never got through, made again in its successor as ordinary operations: each beside the neighbour
 * it had, under a new id. What did get through is told by its clock and left alone.
 */

import type * as Yjs from 'yjs';

type AnyType = Yjs.AbstractType<unknown>;

export interface ReplayOptions {
  /** The package that made both documents. */
  readonly Y: typeof Yjs;
  readonly from: Yjs.Doc;
  /** Synced. */
  readonly to: Yjs.Doc;
  /** Under which `from` was written here. */
  readonly client: number;
  /** What was deleted in `from` here, as far as it may not have got through. */
  readonly deletes: readonly { readonly client: number; readonly clock: number; readonly length: number }[];
}

/** @returns whether anything was made again */
export function replayEdits(options: ReplayOptions): boolean {
  const { Y, from, to, client } = options;
  const arrived = Y.getState(to.store, client);
  let changed = false;
  to.once('update', () => {
    changed = true;
  });
  to.transact(() => {
    const replay = new Replay(options, arrived);
    for (const [name, type] of from.share) {
      // A root that nobody here asked for has no kind of its own, and nothing was written in it here.
      if (type.constructor === Y.AbstractType) continue;
      replay.type(type as AnyType, to.get(name, type.constructor as never) as AnyType);
    }
    replay.deletes();
  });
  return changed;
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #arrived: number;

  constructor(options: ReplayOptions, arrived: number) {
    this.#options = options;
    this.#arrived = arrived;
  }

  type(from: AnyType, to: AnyType): void {
    this.#sequence(from, to);
    for (const [key, item] of from._map) {
      if (item.deleted) continue;
      if (this.#isUnsent(item)) (to as unknown as Yjs.Map<unknown>).set(key, this.#copy(item.content).at(-1));
      else this.#inside(item);
    }
  }

  deletes(): void {
    const { Y, to, deletes } = this.#options;
    for (const { client, clock, length } of deletes) {
      const end = Math.min(clock + length, Y.getState(to.store, client));
      for (let at = clock; at < end; ) {
        const item = Y.getItem(to.store, Y.createID(client, at));
        const until = Math.min(end, item.id.clock + item.length);
        if (item instanceof Y.Item && !item.deleted) remove(item, at, until - at);
        at = until;
      }
    }
  }

  #sequence(from: AnyType, to: AnyType): void {
    let anchor: Yjs.ID | undefined;
    let content: unknown[] = [];
    const flush = (): void => {
      if (content.length > 0) insert(this.#options.Y, to, indexAfter(to, anchor), content);
      content = [];
    };
    for (let item = from._start; item !== null; item = item.right) {
      if (!this.#isUnsent(item)) {
        flush();
        if (this.#isThere(item.lastId)) anchor = item.lastId;
        this.#inside(item);
        continue;
      }
      const known = Math.max(0, this.#arrived - item.id.clock);
      if (known > 0) {
        flush();
        anchor = this.#options.Y.createID(item.id.client, this.#arrived - 1);
      }
      if (!item.deleted) content.push(...this.#copy(item.content).slice(known));
    }
    flush();
  }

  /** What lies in a type that both documents hold. */
  #inside(item: Yjs.Item): void {
    const { Y, to } = this.#options;
    if (item.deleted || !(item.content instanceof Y.ContentType) || !this.#isThere(item.id)) return;
    const there = Y.getItem(to.store, item.id);
    if (!(there instanceof Y.Item) || there.deleted || !(there.content instanceof Y.ContentType)) return;
    this.type(item.content.type as AnyType, there.content.type as AnyType);
  }

  #copy(content: Yjs.Item['content']): unknown[] {
    const { Y } = this.#options;
    if (content instanceof Y.ContentType) return [(content.type as AnyType).clone()];
    return content.getContent();
  }

  #isUnsent({ id, length }: Yjs.Item): boolean {
    return id.client === this.#options.client && id.clock + length > this.#arrived;
  }

  #isThere({ client, clock }: Yjs.ID): boolean {
    return clock < this.#options.Y.getState(this.#options.to.store, client);
  }
}

function insert(Y: typeof Yjs, type: AnyType, index: number, content: unknown[]): void {
  if (type instanceof Y.Text) type.insert(index, content.join(''));
  else (type as unknown as Yjs.Array<unknown>).insert(index, content);
}

/** Place after an item in a sequence; the front without one, the end for one that is not there any more. */
function indexAfter(type: AnyType, id: Yjs.ID | undefined): number {
  if (id === undefined) return 0;
  let index = 0;
  for (let item = type._start; item !== null; item = item.right) {
    const visible = item.deleted || !item.countable ? 0 : item.length;
    const holds = item.id.client === id.client && id.clock >= item.id.clock && id.clock < item.id.clock + item.length;
    if (holds) return index + Math.min(visible, id.clock - item.id.clock + 1);
    index += visible;
  }
  return index;
}

function remove(item: Yjs.Item, clock: number, length: number): void {
  const parent = item.parent as AnyType;
  if (item.parentSub !== null) {
    if (parent._map.get(item.parentSub) === item) (parent as unknown as Yjs.Map<unknown>).delete(item.parentSub);
    return;
  }
  const index = indexAfter(parent, { client: item.id.client, clock }) - 1;
  (parent as unknown as Yjs.Array<unknown>).delete(index, length);
}
