/**
 * What follows for documents when envelopes stop counting: they are built anew, and map records of our own that went
 * along because they had overwritten a cut one are written again.
 */

import type * as Y from 'yjs';
import type { ControlState } from '#protocol/control-state.ts';
import { mayWrite } from '#protocol/control-state.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { collectOwnRecords, findLostRecords, type OwnRecord } from '#shared/documents/own-records.ts';
import type { MemberId } from '#shared/ids.ts';
import type { DocumentStore } from './document-store.ts';

export interface RenewalParts {
  readonly self: MemberId;
  readonly control: ControlState;
  readonly documents: DocumentStore;
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

  /** Renews every document in which something no longer counts since control entries after seq `before`. */
  applyNarrowings(before: number): void {
    const { control, documents } = this.#parts;
    const members = control.narrowedSince(before);
    if (members.size === 0) return;
    this.#parts.flushEdits();
    for (const name of documents.changedSince(members, before)) {
      const crdt = classifyDocument(name)?.kind === 'crdt';
      this.#renew(name, crdt ? collectOwnRecords(documents.docBefore(name, before), this.#parts.self) : []);
    }
  }

  /** Drops the live document and tells so. */
  reset(document: DocumentName): void {
    this.#parts.documents.drop(document);
    this.#parts.onReset(document);
  }

  #renew(name: DocumentName, records: readonly OwnRecord[]): void {
    this.reset(name);
    if (records.length > 0) this.#reissue(name, records);
  }

  #reissue(name: DocumentName, records: readonly OwnRecord[]): void {
    const { control, self } = this.#parts;
    const role = control.roleNow(self);
    const doc: Y.Doc = this.#parts.documents.doc(name);
    const lost = findLostRecords(doc, records);
    if (lost.length === 0 || role === null || !mayWrite(role, self, name)) return;
    doc.transact(() => {
      for (const { root, key, value } of lost) doc.getMap(root).set(key, value);
    });
  }
}
