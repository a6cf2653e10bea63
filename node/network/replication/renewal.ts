/**
 * What follows for documents when envelopes stop counting: they are built anew, and map records of our own that went
 * along because they had overwritten a cut one are written again.
 */

import type { ControlState } from '#protocol/control-state.ts';
import { mayWrite } from '#protocol/control-state.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { collectOwnRecords, findLostRecords, type OwnRecord } from '#shared/documents/own-records.ts';
import type { MemberId } from '#shared/ids.ts';
import type { DocumentStore } from './document-store.ts';

export interface RenewalParts {
  readonly self: MemberId;
  readonly documents: DocumentStore;
  control(): ControlState;
  /** What is pending belongs into the documents before they are rebuilt. */
  flushEdits(): void;
  /** The document was dropped; whoever reads it gets it built anew. */
  onReset(document: DocumentName): void;
}

export class Renewal {
  readonly #parts: RenewalParts;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Judges the members' envelopes again and renews every document in which one counts otherwise than before. */
  rejudge(members: ReadonlySet<MemberId>): void {
    if (members.size === 0) return;
    this.#parts.flushEdits();
    const records = new Map<DocumentName, OwnRecord[]>();
    for (const name of this.#parts.documents.recount(members, (changing) => this.#collect(changing, records))) {
      this.#renew(name, records);
    }
  }

  /**
   * Renews whatever `change` changes: it may index all documents anew.
   *
   * @param touched documents that it may change
   * @param change returns those that are made up otherwise afterwards
   */
  around(touched: readonly DocumentName[], change: () => readonly DocumentName[]): void {
    this.#parts.flushEdits();
    const records = new Map<DocumentName, OwnRecord[]>();
    for (const name of touched) this.#collect(name, records);
    for (const name of change()) this.#renew(name, records);
  }

  /** Drops the live document and tells so. */
  reset(document: DocumentName): void {
    this.#parts.documents.drop(document);
    this.#parts.onReset(document);
  }

  #collect(name: DocumentName, records: Map<DocumentName, OwnRecord[]>): void {
    if (classifyDocument(name)?.kind !== 'crdt') return;
    records.set(name, collectOwnRecords(this.#parts.documents.peek(name), this.#parts.self));
  }

  #renew(name: DocumentName, records: ReadonlyMap<DocumentName, readonly OwnRecord[]>): void {
    this.reset(name);
    this.#reissue(name, records.get(name) ?? []);
  }

  #reissue(name: DocumentName, records: readonly OwnRecord[]): void {
    if (records.length === 0) return;
    const { documents, self } = this.#parts;
    const role = this.#parts.control().roleNow(self);
    const doc = documents.doc(name);
    const lost = findLostRecords(doc, records);
    if (lost.length === 0 || role === null || !mayWrite(role, self, name)) return;
    doc.transact(() => {
      for (const { root, key, value } of lost) doc.getMap(root).set(key, value);
    });
  }
}
