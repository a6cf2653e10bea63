/**
 * The documents of one sandbox: which envelopes make each up, and its live Y.Doc or register table once somebody asked
 * for it. A document nobody reads costs its index only; it is built from the log on demand, in the order of
 * acceptance, which is a causal order.
 */

import type * as Y from 'yjs';
import { type Envelope, EnvelopeKind } from '#protocol/envelope.ts';
import { type AuthorPast, applyCheckedUpdate } from '#shared/documents/apply-update.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { neutraliseUpdate } from '#shared/documents/neutralise.ts';
import { parseRegisterWrites, RegisterTable } from '#shared/documents/register-table.ts';
import { TypeDepths } from '#shared/documents/update-check.ts';
import type { ReadUpdate } from '#shared/documents/update-reader.ts';
import type { MemberId } from '#shared/ids.ts';
import { DocumentHistory } from './document-history.ts';
import { type DocumentBase, DocumentState, loadDoc, type StoredEnvelope } from './document-state.ts';

/** Origin of transactions that apply envelopes: their edits are signed already. */
export const REMOTE_ORIGIN = Symbol('replication');

export interface DocumentStoreOptions {
  /** clientID of local edits. */
  clientId(): number;
  /** Reads an accepted envelope back. */
  load(position: number): Envelope;
  /** Whether it has its effect by now, or is applied neutralised. */
  counts(envelope: Envelope): boolean;
  /** Whether the control logs alone are why it does not. */
  isCut(envelope: Envelope): boolean;
  /** An accepted update under the clientIDs that the documents here use. */
  incoming(envelope: Envelope): Uint8Array;
  /** What the author of an accepted update had when it wrote it. */
  past(envelope: Envelope): AuthorPast;
  /** A Y.Doc came to life: local edits in it want watching. */
  onDoc(name: DocumentName, doc: Y.Doc): void;
}

export class DocumentStore {
  readonly #options: DocumentStoreOptions;
  readonly #states = new Map<DocumentName, DocumentState>();
  #uses = 0;
  /** What {@link preview} showed last, and in which document. */
  #shown: { readonly envelope: Envelope; readonly doc: Y.Doc } | undefined;

  constructor(options: DocumentStoreOptions) {
    this.#options = options;
  }

  state(name: DocumentName): DocumentState {
    let state = this.#states.get(name);
    if (state === undefined) {
      state = new DocumentState(name);
      this.#states.set(name, state);
    }
    return state;
  }

  depths(name: DocumentName): TypeDepths {
    return this.#states.get(name)?.depths ?? new TypeDepths();
  }

  doc(name: DocumentName): Y.Doc {
    const state = this.state(name);
    state.lastUse = ++this.#uses;
    let doc = state.hold();
    if (doc === undefined) {
      doc = this.#build(state);
      state.doc = doc;
    }
    return doc;
  }

  /** Every document there is, those without content too. */
  all(): Iterable<DocumentState> {
    return this.#states.values();
  }

  /** Says how often documents have been asked for: what {@link releaseIdle} compares with. */
  get uses(): number {
    return this.#uses;
  }

  /**
   * Lets go of Y.Docs that were not asked for since `uses` and that nobody observes.
   *
   * @returns how many were in use since, and may be idle later
   */
  releaseIdle(uses: number): number {
    let used = 0;
    for (const state of this.#states.values()) {
      if (state.held && state.lastUse > uses) used++;
      else state.release();
    }
    return used;
  }

  /** A checkpoint's part of a document becomes what its envelopes go on from; there are none yet. */
  restore(name: DocumentName, base: DocumentBase): void {
    this.state(name).base = base;
  }

  table(name: DocumentName): RegisterTable {
    const state = this.state(name);
    if (state.table === undefined) {
      state.table = new RegisterTable();
      const segment = state.base?.load();
      if (segment?.kind === 'registers') state.table.restore(segment.rows);
      for (const stored of state.envelopes) applyRegisters(state.table, this.#options.load(stored.position), stored);
    }
    return state.table;
  }

  /**
   * Adds an accepted envelope to its document, and applies it if the document is alive.
   *
   * @param options `local`: its edits are in the Y.Doc already
   * @returns register keys whose value changed, as far as known
   */
  add(
    envelope: Envelope,
    entry: Omit<StoredEnvelope, 'counted'>,
    options: { local?: boolean; read?: ReadUpdate | undefined } = {},
  ): readonly string[] | undefined {
    const state = this.state(envelope.header.document as DocumentName);
    const stored = { ...entry, counted: this.#options.counts(envelope) };
    if (envelope.header.kind === EnvelopeKind.registers) {
      const table = this.table(state.name);
      state.envelopes.push(stored);
      return applyRegisters(table, envelope, stored);
    }
    state.envelopes.push(stored);
    const { doc } = state;
    if (doc === undefined || options.local === true) return undefined;
    if (!stored.counted || !this.#isShown(envelope, doc)) this.applyTo(doc, envelope, stored, options.read);
    return undefined;
  }

  /**
   * Shows an update that counts in a live document before it is added; {@link add} or {@link drop} must follow.
   *
   * @returns whether there is a live document
   */
  preview(envelope: Envelope, read: ReadUpdate): boolean {
    const { doc } = this.state(envelope.header.document as DocumentName);
    if (doc === undefined) return false;
    this.applyTo(doc, envelope, { counted: true }, read);
    this.#shown = { envelope, doc };
    return true;
  }

  /** Adds an envelope read back from the log: nothing is alive yet. */
  index(envelope: Envelope, entry: Omit<StoredEnvelope, 'counted'>): void {
    const state = this.state(envelope.header.document as DocumentName);
    state.envelopes.push({ ...entry, counted: this.#options.counts(envelope) });
  }

  /** Forgets the live document; the next reader gets it built anew. */
  drop(name: DocumentName): void {
    const state = this.state(name);
    state.doc?.destroy();
    state.doc = undefined;
    state.table = undefined;
  }

  /** Local edits go on under another clientID. */
  rename(): void {
    for (const { doc } of this.#states.values()) if (doc !== undefined) doc.clientID = this.#options.clientId();
  }

  destroy(): void {
    for (const state of this.#states.values()) state.doc?.destroy();
  }

  /**
   * Judges the members' envelopes again; live documents are left as they are.
   *
   * @returns documents in which some count otherwise than when applied
   */
  recount(members: ReadonlySet<MemberId>): DocumentName[] {
    const { load, counts } = this.#options;
    const changed: DocumentName[] = [];
    for (const state of this.#states.values()) {
      const judged = state.envelopes.filter((stored) => members.has(stored.member));
      const other = judged.filter((stored) => counts(load(stored.position)) !== stored.counted);
      if (other.length === 0) continue;
      for (const stored of other) stored.counted = !stored.counted;
      changed.push(state.name);
    }
    return changed;
  }

  /** Names of the documents that hold envelopes at these positions. */
  holding(positions: ReadonlySet<number>): DocumentName[] {
    const holds = (state: DocumentState): boolean => state.envelopes.some(({ position }) => positions.has(position));
    return [...this.#states.values()].filter(holds).map((state) => state.name);
  }

  /** Envelopes at these positions count no more; live documents are left as they are. */
  neutralise(positions: ReadonlySet<number>): void {
    for (const { envelopes } of this.#states.values()) {
      for (const stored of envelopes) if (positions.has(stored.position)) stored.counted = false;
    }
  }

  /**
   * What makes a document up besides the envelopes that count: two that are equal mean that it only grew in between.
   * Good for this log only.
   */
  makeup(name: DocumentName): string {
    const { base, envelopes } = this.state(name);
    const without = envelopes.filter(({ counted }) => !counted).map(({ position }) => position);
    return [base?.blob ?? '', ...without].join(' ');
  }

  /** Names of all documents in which `member` wrote. */
  writtenBy(member: MemberId): DocumentName[] {
    return [...this.#states.keys()].filter((name) => this.isWrittenBy(name, member));
  }

  isWrittenBy(name: DocumentName, member: MemberId): boolean {
    const { base, envelopes } = this.state(name);
    return base?.writers.has(member) === true || envelopes.some((stored) => stored.member === member);
  }

  /** A Y.Doc for reading only, the live one if there is any. */
  peek(name: DocumentName): Y.Doc {
    const state = this.state(name);
    return state.doc ?? this.#apply(state);
  }

  /** Names of the documents that hold an envelope which does not count, and one of `member`'s. */
  disputed(member: MemberId): DocumentName[] {
    return this.writtenBy(member).filter((name) => this.state(name).envelopes.some(({ counted }) => !counted));
  }

  /** What was ever written to a document since the checkpoint it stands on. */
  history(name: DocumentName): DocumentHistory {
    return new DocumentHistory(this.state(name), this.#options);
  }

  /**
   * Starts over: `index` adds everything anew; a document made up as before stays alive.
   *
   * @returns documents that are made up otherwise
   */
  reindex(index: () => void): DocumentName[] {
    const before = new Map(this.#states);
    this.#states.clear();
    index();
    const names = new Set([...before.keys(), ...this.#states.keys()]);
    return [...names].filter((name) => {
      const old = before.get(name);
      const state = this.state(name);
      if (old !== undefined && old.base?.blob === state.base?.blob && sameEnvelopes(old.envelopes, state.envelopes)) {
        state.doc = old.doc;
        state.table = old.table;
        return false;
      }
      old?.doc?.destroy();
      return true;
    });
  }

  /** Whether a document has an envelope by {@link preview}; asked once, and by whoever adds it. */
  #isShown(envelope: Envelope, doc: Y.Doc): boolean {
    const shown = this.#shown;
    this.#shown = undefined;
    return shown?.envelope === envelope && shown.doc === doc;
  }

  #build(state: DocumentState): Y.Doc {
    const doc = this.#apply(state);
    // Yjs gives itself a new id when it reads history under its own, as a rebuilt document does.
    doc.clientID = this.#options.clientId();
    this.#options.onDoc(state.name, doc);
    return doc;
  }

  #apply(state: DocumentState): Y.Doc {
    const doc = state.base?.take() ?? loadDoc(state.base);
    for (const stored of state.envelopes) this.applyTo(doc, this.#options.load(stored.position), stored);
    return doc;
  }

  /**
   * Applies an accepted envelope to a document that holds its whole causal past.
   *
   * @param read what the check read of the envelope's own payload, where that is at hand
   */
  applyTo(
    doc: Y.Doc,
    envelope: Envelope,
    { counted }: Pick<StoredEnvelope, 'counted'>,
    read?: ReadUpdate | undefined,
  ): void {
    if (envelope.header.kind !== EnvelopeKind.update) return;
    const payload = this.#options.incoming(envelope);
    const update = counted ? payload : neutraliseUpdate(payload, doc);
    if (update === undefined) return;
    const past = this.#options.past(envelope);
    applyCheckedUpdate(doc, update, REMOTE_ORIGIN, past, update === envelope.payload ? read : undefined);
  }
}

/** @returns the keys whose value changed */
export function applyRegisters(table: RegisterTable, envelope: Envelope, stored: StoredEnvelope): string[] {
  if (!stored.counted || envelope.header.kind !== EnvelopeKind.registers) return [];
  const { incarnation, seq } = envelope.header;
  return table.apply(parseRegisterWrites(envelope.payload), { lamport: stored.lamport, incarnation, seq });
}

function sameEnvelopes(a: readonly StoredEnvelope[], b: readonly StoredEnvelope[]): boolean {
  return (
    a.length === b.length &&
    a.every((stored, i) => stored.position === b[i]?.position && stored.counted === b[i]?.counted)
  );
}
