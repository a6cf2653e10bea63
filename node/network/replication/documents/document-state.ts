/**
 * One document in memory: the checkpoint's part it stands on, the envelopes since, and its live Y.Doc or register
 * table. A Y.Doc that nobody uses or observes is only held weakly: it goes when memory is wanted, and is built again.
 */

import * as Y from 'yjs';
import type { DocumentSegment } from '#protocol/checkpoint-segment.ts';
import { buildDoc, type DocOptions } from '#shared/documents/build-doc.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { RegisterTable } from '#shared/documents/register-table.ts';
import { TypeDepths } from '#shared/documents/update-check.ts';
import type { MemberId } from '#shared/ids.ts';

/** One accepted envelope of a document. */
export interface StoredEnvelope {
  readonly position: number;
  readonly lamport: number;
  readonly member: MemberId;
  /** Whether it had its effect when it was applied, or was neutralised. */
  counted: boolean;
}

/** What a checkpoint holds of a document. */
export interface DocumentBase {
  /** Blob it lies in. */
  readonly blob: string;
  readonly writers: ReadonlySet<MemberId>;
  /** Reads it from disk. @throws {SandboxError} STORAGE_CORRUPT, BAD_CHECKPOINT */
  load(): DocumentSegment;
  /** A Y.Doc that was just built of it, if there is one: the caller's from now on. */
  take(): Y.Doc | undefined;
}

export class DocumentState {
  readonly name: DocumentName;
  base: DocumentBase | undefined;
  /** After the base, in order of acceptance. */
  envelopes: StoredEnvelope[] = [];
  table: RegisterTable | undefined;
  /** Access counter's value when the Y.Doc was last asked for. */
  lastUse = 0;
  #depths: TypeDepths | undefined;
  #held: Y.Doc | undefined;
  #weak: WeakRef<Y.Doc> | undefined;

  constructor(name: DocumentName) {
    this.name = name;
  }

  get depths(): TypeDepths {
    if (this.#depths === undefined) {
      this.#depths = new TypeDepths();
      const segment = this.base?.load();
      if (segment?.kind === 'crdt') this.#depths.restore(segment.depths);
    }
    return this.#depths;
  }

  /** The live document, if there is one. */
  get doc(): Y.Doc | undefined {
    return this.#held ?? this.#weak?.deref();
  }
  set doc(doc: Y.Doc | undefined) {
    this.#held = doc;
    this.#weak = undefined;
  }

  /** Whether the Y.Doc is kept alive from here. */
  get held(): boolean {
    return this.#held !== undefined;
  }

  /** Leaves the Y.Doc to those who hold it. @returns false when somebody observes it: then it must stay */
  release(): boolean {
    if (this.#held === undefined) return true;
    if (isObserved(this.#held)) return false;
    this.#weak = new WeakRef(this.#held);
    this.#held = undefined;
    return true;
  }

  /** Somebody asked for it. */
  hold(): Y.Doc | undefined {
    const { doc } = this;
    if (doc !== undefined) this.doc = doc;
    return doc;
  }

  /** A checkpoint stands for the envelopes at positions that `stays` does not name. */
  rebase(base: DocumentBase | undefined, stays: (position: number) => boolean): void {
    this.base = base;
    this.envelopes = this.envelopes.filter(({ position }) => stays(position));
  }
}

/** Listeners of a document that nobody uses: Yjs's own, and the one by which replication hears of edits. */
const OWN_LISTENERS: ReadonlyMap<string, number> = new Map([
  ...[...new Y.Doc()._observers].map(([event, listeners]): [string, number] => [event, listeners.size]),
  ['afterTransaction', 1],
]);

/** Whether anybody is told of changes. */
function isObserved(doc: Y.Doc): boolean {
  for (const [event, listeners] of doc._observers) if (listeners.size > (OWN_LISTENERS.get(event) ?? 0)) return true;
  for (const type of doc.share.values()) if (type._eH.l.length > 0 || type._dEH.l.length > 0) return true;
  return false;
}

/** A checkpoint's part of a document. */
export function loadDoc(base: DocumentBase | undefined, options?: DocOptions): Y.Doc {
  const segment = base?.load();
  return segment?.kind === 'crdt' ? buildDoc(segment.state, options) : new Y.Doc(options);
}
