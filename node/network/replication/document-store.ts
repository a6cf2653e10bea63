/**
 * The documents of one sandbox: which envelopes make each up, and its live Y.Doc or register table once somebody asked
 * for it. A document nobody reads costs its index only; it is built from the log on demand, in the order of
 * acceptance, which is a causal order.
 */

import * as Y from 'yjs';
import { type Envelope, EnvelopeKind } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { neutraliseUpdate } from '#shared/documents/neutralise.ts';
import { parseRegisterWrites, RegisterTable } from '#shared/documents/register-table.ts';
import { TypeDepths } from '#shared/documents/update-check.ts';
import type { MemberId } from '#shared/ids.ts';

/** Origin of transactions that apply envelopes: their edits are signed already. */
export const REMOTE_ORIGIN = Symbol('replication');

/** One accepted envelope of a document. */
export interface StoredEnvelope {
  readonly position: number;
  readonly lamport: number;
  readonly member: MemberId;
}

export interface DocumentState {
  readonly name: DocumentName;
  readonly depths: TypeDepths;
  readonly envelopes: StoredEnvelope[];
  doc: Y.Doc | undefined;
  table: RegisterTable | undefined;
}

export interface DocumentStoreOptions {
  /** clientID of local edits. */
  clientId(): number;
  /** Reads an accepted envelope back. */
  load(position: number): Envelope;
  /**
   * Whether it has its effect, or is applied neutralised.
   *
   * @param controlSeq judges by the control log as it stood then; by default as it stands
   */
  counts(envelope: Envelope, controlSeq?: number): boolean;
  /** A Y.Doc came to life: local edits in it want watching. */
  onDoc(name: DocumentName, doc: Y.Doc): void;
}

export class DocumentStore {
  readonly #options: DocumentStoreOptions;
  readonly #states = new Map<DocumentName, DocumentState>();

  constructor(options: DocumentStoreOptions) {
    this.#options = options;
  }

  state(name: DocumentName): DocumentState {
    let state = this.#states.get(name);
    if (state === undefined) {
      state = { name, depths: new TypeDepths(), envelopes: [], doc: undefined, table: undefined };
      this.#states.set(name, state);
    }
    return state;
  }

  depths(name: DocumentName): TypeDepths {
    return this.#states.get(name)?.depths ?? new TypeDepths();
  }

  doc(name: DocumentName): Y.Doc {
    const state = this.state(name);
    state.doc ??= this.#build(state);
    return state.doc;
  }

  table(name: DocumentName): RegisterTable {
    const state = this.state(name);
    if (state.table === undefined) {
      state.table = new RegisterTable();
      for (const { position, lamport } of state.envelopes) {
        applyRegisters(state.table, this.#options.load(position), lamport, this.#options);
      }
    }
    return state.table;
  }

  /**
   * Adds an accepted envelope to its document, and applies it if the document is alive.
   *
   * @param options `local`: its edits are in the Y.Doc already
   * @returns register keys whose value changed, as far as known
   */
  add(envelope: Envelope, stored: StoredEnvelope, options: { local?: boolean } = {}): readonly string[] | undefined {
    const state = this.state(envelope.header.document as DocumentName);
    state.envelopes.push(stored);
    if (envelope.header.kind === EnvelopeKind.registers) {
      return applyRegisters(this.table(state.name), envelope, stored.lamport, this.#options);
    }
    if (state.doc !== undefined && options.local !== true) this.#applyUpdate(state.doc, envelope);
    return undefined;
  }

  /** Adds an envelope read back on open: nothing is alive yet. */
  index(document: DocumentName, stored: StoredEnvelope): void {
    this.state(document).envelopes.push(stored);
  }

  /** Forgets the live document; the next reader gets it built anew. */
  drop(name: DocumentName): void {
    const state = this.state(name);
    state.doc?.destroy();
    state.doc = undefined;
    state.table = undefined;
  }

  destroy(): void {
    for (const state of this.#states.values()) state.doc?.destroy();
  }

  /** Documents in which the members' envelopes count otherwise now than under the control log as it stood before. */
  changedSince(members: ReadonlySet<MemberId>, controlSeq: number): DocumentName[] {
    const { load, counts } = this.#options;
    const changed = [...this.#states.values()].filter((state) =>
      state.envelopes.some(({ member, position }) => {
        if (!members.has(member)) return false;
        const envelope = load(position);
        return counts(envelope) !== counts(envelope, controlSeq);
      }),
    );
    return changed.map((state) => state.name);
  }

  /** A Y.Doc as it stood under an earlier control log; the live one if there is any. The caller only reads it. */
  docBefore(name: DocumentName, controlSeq: number): Y.Doc {
    const state = this.state(name);
    return state.doc ?? this.#apply(state, controlSeq);
  }

  #build(state: DocumentState): Y.Doc {
    const doc = this.#apply(state);
    // Yjs gives itself a new id when it reads history under its own, as a rebuilt document does.
    doc.clientID = this.#options.clientId();
    this.#options.onDoc(state.name, doc);
    return doc;
  }

  #apply(state: DocumentState, controlSeq?: number): Y.Doc {
    const doc = new Y.Doc();
    for (const { position } of state.envelopes) this.#applyUpdate(doc, this.#options.load(position), controlSeq);
    return doc;
  }

  #applyUpdate(doc: Y.Doc, envelope: Envelope, controlSeq?: number): void {
    const whole = this.#options.counts(envelope, controlSeq);
    const update = whole ? envelope.payload : neutraliseUpdate(envelope.payload, doc);
    if (update !== undefined) Y.applyUpdate(doc, update, REMOTE_ORIGIN);
  }
}

function applyRegisters(
  table: RegisterTable,
  envelope: Envelope,
  lamport: number,
  options: Pick<DocumentStoreOptions, 'counts'>,
): string[] {
  if (!options.counts(envelope)) return [];
  const { incarnation, seq } = envelope.header;
  return table.apply(parseRegisterWrites(envelope.payload), { lamport, incarnation, seq });
}
