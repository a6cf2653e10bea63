/**
 * What follows for documents when envelopes stop counting: they are built anew, and map records of our own that went
 * along because they had overwritten a cut one are written again.
 *
 * Which those are follows from what is in the log, so that a crash in between loses none. They are written once nothing
 * is known to be missing: a home restored from a copy first fetches what it had written since.
 */

import type * as Y from 'yjs';
import type { ControlState } from '#protocol/control-state.ts';
import { mayWrite } from '#protocol/control-state.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { collectOwnRecords, isLost, type OwnRecord } from '#shared/documents/own-records.ts';
import type { MemberId } from '#shared/ids.ts';
import { ForkPace } from '../chains/fork-pace.ts';
import type { DocumentStore } from './document-store.ts';

/** How long peers that have what is missing here may take to send it. */
const FETCH_LIMIT_MS = 10_000;

/** Of each document those of one member. */
export type OwnRecords = ReadonlyMap<DocumentName, readonly OwnRecord[]>;

/** What checkpoints must know of our own records. */
export type KeptRecords = Pick<Renewal, 'ownRecords' | 'secure' | 'remember'>;

export interface RenewalParts {
  readonly self: MemberId;
  readonly documents: DocumentStore;
  control(): ControlState;
  /** What is pending belongs into the documents before they are rebuilt. */
  flushEdits(): void;
  /** The document was dropped; whoever reads it gets it built anew. */
  onReset(document: DocumentName): void;
  after(ms: number, task: () => void): () => void;
  /** Whether somebody is linked, and may have what is missing here. */
  isLinked(): boolean;
  /** Whether everything that those who are linked have said to have is here. */
  isSettled(): boolean;
}

export class Renewal {
  readonly #parts: RenewalParts;
  readonly #pace: ForkPace;
  /** Documents in which records of ours may be lost, each with those that had been there before. */
  readonly #doubtful = new Map<DocumentName, OwnRecord[]>();
  /** Whether what was found on the disk is still to be looked at: what is missing of our own only others may have. */
  #isFresh = true;
  #cancelLimit: (() => void) | undefined;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
    this.#pace = new ForkPace((ms, task) => parts.after(ms, task));
  }

  /** Judges the members' envelopes again and renews every document in which one counts otherwise than before. */
  rejudge(members: ReadonlySet<MemberId>): void {
    if (members.size === 0) return;
    this.#parts.flushEdits();
    for (const name of this.#parts.documents.recount(members)) this.#renew(name);
    this.review();
  }

  /**
   * Renews whatever `change` changes: it may index all documents anew.
   *
   * @param change returns the documents that are made up otherwise afterwards
   * @param before records that the log does not tell of any more
   */
  around(change: () => readonly DocumentName[], before: OwnRecords = new Map()): void {
    this.#parts.flushEdits();
    for (const name of change()) this.#renew(name, before.get(name));
    this.review();
  }

  /** As {@link around}, for a line that branches off: what one author can bring about again and again. */
  aroundFork(change: () => readonly DocumentName[]): void {
    this.#parts.flushEdits();
    for (const name of change()) {
      this.#parts.documents.drop(name);
      this.#pace.renew(name, () => {
        this.#renew(name);
        this.review();
      });
    }
  }

  stop(): void {
    this.#pace.stop();
  }

  /** Our own records as they stand, and those to be written again, which are the later ones where both have a key. */
  ownRecords(): OwnRecords {
    this.#doubtDisputed();
    const { documents, self } = this.#parts;
    const names = documents.writtenBy(self).filter(holdsRecords);
    return new Map(names.map((name) => [name, this.#records(name)]));
  }

  /** The log will let go of envelopes that are here: what only they tell of is written again now. */
  secure(): void {
    this.#doubtDisputed();
    this.#reissueAll();
    this.#parts.flushEdits();
  }

  /** The log lets go of envelopes in this breath: what only they tell of is noted, to be written again. */
  remember(): void {
    this.#doubtDisputed();
    for (const [name, records] of this.#doubtful) records.push(...this.#records(name));
  }

  /** Those that stand, then those that are lost: where both have a key, what stands was written earlier. */
  #records(name: DocumentName): OwnRecord[] {
    const { documents, self } = this.#parts;
    const doc = documents.peek(name);
    const lost = this.#doubtful.has(name) ? documents.history(name).lostRecords(doc, self) : [];
    return [...collectOwnRecords(doc, self), ...lost];
  }

  /** Drops the live document and tells so. */
  reset(document: DocumentName): void {
    this.#parts.documents.drop(document);
    this.#parts.onReset(document);
  }

  /** Writes lost records again, unless that has to wait: to be called again when links or what they bring change. */
  review(): void {
    if (this.#doubtful.size === 0 && !this.#isFresh) return;
    const settled = this.#parts.isSettled();
    if (settled) {
      this.#doubtDisputed();
      this.#isFresh = false;
    }
    if (this.#doubtful.size === 0) return;
    if (settled || !this.#parts.isLinked()) this.#reissueAll();
    else this.#cancelLimit ??= this.#parts.after(FETCH_LIMIT_MS, () => this.#reissueAll());
  }

  #doubtDisputed(): void {
    if (!this.#isFresh) return;
    for (const name of this.#parts.documents.disputed(this.#parts.self)) if (holdsRecords(name)) this.#doubt(name);
  }

  #renew(name: DocumentName, records?: readonly OwnRecord[]): void {
    this.reset(name);
    if (holdsRecords(name)) this.#doubt(name, records);
  }

  #doubt(name: DocumentName, records: readonly OwnRecord[] = []): void {
    this.#doubtful.set(name, [...(this.#doubtful.get(name) ?? []), ...records]);
  }

  #reissueAll(): void {
    this.#cancelLimit?.();
    this.#cancelLimit = undefined;
    const doubtful = [...this.#doubtful];
    this.#doubtful.clear();
    for (const [name, records] of doubtful) this.#reissue(name, records);
  }

  #reissue(name: DocumentName, before: readonly OwnRecord[]): void {
    const { documents, self, control } = this.#parts;
    const role = control().roleNow(self);
    if (role === null || !mayWrite(role, self, name)) return;
    // Whoever wrote nothing there has lost nothing: a joiner would build all of a checkpoint once more to see that.
    if (before.length === 0 && !documents.isWrittenBy(name, self)) return;
    const history = documents.history(name);
    const doc = documents.doc(name);
    const noted = lastOfEach(before);
    // Of what a checkpoint includes the document itself is all there is.
    const gone = noted.filter(
      (record) => !history.hasWritten(self, record) && isLost(doc, record) && !isTaken(doc, record, before),
    );
    const lost = lastOfEach([...gone, ...history.lostRecords(doc, self)]);
    if (lost.length === 0) return;
    doc.transact(() => {
      for (const { root, key, value } of lost) doc.getMap(root).set(key, value);
    });
  }
}

/** Of each key the record noted last, which is the one written last. */
function lastOfEach(records: readonly OwnRecord[]): OwnRecord[] {
  return [...new Map(records.map((record) => [`${record.root} ${record.key}`, record])).values()];
}

/** Whether something stands under the key of a lost record that is no older record of ours, back in its place. */
function isTaken(doc: Y.Doc, { root, key }: OwnRecord, noted: readonly OwnRecord[]): boolean {
  const item = doc.getMap(root)._map.get(key);
  if (item === undefined || item.deleted) return false;
  const { client, clock } = item.lastId;
  return !noted.some((record) => record.client === client && record.clock === clock);
}

function holdsRecords(name: DocumentName): boolean {
  return classifyDocument(name)?.kind === 'crdt';
}
