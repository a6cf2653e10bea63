/**
 * Edits made here, gathered until whoever makes them returns: one envelope per document, or as many as the limits ask
 * for. Where ticks with edits of a Y.Doc follow each other without a pause, those of a few milliseconds travel
 * together: a keystroke never waits, a loop that writes does not pay a signature per turn. Registers say what is: they
 * wait for nothing while somebody reads them. What signs, stores and sends is the replica's business.
 */

import type * as Y from 'yjs';
import { EnvelopeKind, MAX_PAYLOAD_BYTES } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { encodeLocalUpdates, mergeDeletes } from '#shared/documents/local-update.ts';
import { encodeRegisterWrites, MAX_REGISTER_WRITES, type RegisterWrite } from '#shared/documents/register-table.ts';
import type { DeleteRange } from '#shared/documents/update-reader.ts';
import { SandboxError } from '#shared/errors.ts';
import { REMOTE_ORIGIN } from './document-store.ts';

/** So many ticks with edits in a row are a stream. */
const STREAM_TICKS = 3;
/** How long a stream's edits are gathered: twice as long each time, so that its start is not held up. */
const MAX_STREAM_DELAY_MS = 8;
/** How long registers wait that nobody reads just now: a program that stands is moved on meanwhile, and waits for nothing. */
const UNREAD_DELAY_MS = 2;

/** One envelope to be signed. */
export interface Draft {
  readonly document: DocumentName;
  readonly kind: EnvelopeKind;
  readonly clock: number;
  readonly endClock: number;
  readonly payload: Uint8Array;
}

export interface LocalEditsOptions {
  /** clientID of what is written here now. */
  clientId(): number;
  /** Runs `task` when whoever edits has returned: a turn of the event loop would only cost time. */
  soon(task: () => void): void;
  /** Runs `task` in the next tick. */
  defer(task: () => void): void;
  after(ms: number, task: () => void): () => void;
  /** Whether anybody gets what is written here at once. */
  hasReaders(): boolean;
  /** Clock at which this chain stands in a document. */
  clock(document: DocumentName): number;
  /** Signs, stores and sends; resolves when durable. @throws when that is not possible */
  commit(drafts: readonly Draft[]): Promise<void>;
  /** What was edited cannot be shared: the document must be rebuilt without it. */
  discard(document: DocumentName): void;
}

interface Waiter {
  resolve(): void;
  reject(error: SandboxError): void;
}

interface PendingDoc {
  readonly doc: Y.Doc;
  readonly deletes: DeleteRange[];
  readonly waiters: Waiter[];
}

interface PendingRegisters {
  readonly writes: Map<string, RegisterWrite>;
  readonly waiters: Waiter[];
}

export class LocalEdits {
  readonly #options: LocalEditsOptions;
  readonly #docs = new Map<DocumentName, PendingDoc>();
  readonly #registers = new Map<DocumentName, PendingRegisters>();
  #scheduled = false;
  /** Ticks with edits since the last one without. */
  #ticks = 0;

  constructor(options: LocalEditsOptions) {
    this.#options = options;
  }

  /** Watches a live document for local transactions. */
  watch(name: DocumentName, doc: Y.Doc): void {
    doc.on('afterTransaction', (transaction: Y.Transaction) => {
      if (transaction.origin === REMOTE_ORIGIN) return;
      const clientId = this.#options.clientId();
      const wrote = (transaction.afterState.get(clientId) ?? 0) !== (transaction.beforeState.get(clientId) ?? 0);
      if (!wrote && transaction.deleteSet.clients.size === 0) return;
      const pending = this.#pendingDoc(name, doc);
      for (const [client, ranges] of transaction.deleteSet.clients) {
        for (const range of ranges) pending.deletes.push({ client, clock: range.clock, length: range.len });
      }
    });
  }

  /** Runs a transaction in a watched document. @returns when what it did is durable */
  edit(name: DocumentName, doc: Y.Doc, change: (doc: Y.Doc) => void): Promise<void> {
    doc.transact(() => change(doc));
    // Inside an observer Yjs reports the transaction only after the one being observed: wait for it all the same.
    const delayed = doc._transactionCleanups.length > 0;
    const pending = delayed ? this.#pendingDoc(name, doc) : this.#docs.get(name);
    if (pending === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => pending.waiters.push({ resolve, reject }));
  }

  /** @throws {SandboxError} BAD_ARGUMENT when the value is no JSON */
  write(name: DocumentName, key: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    if (text === undefined)
      throw new SandboxError('BAD_ARGUMENT', `Cannot write register "${key}": its value is no JSON`);
    let pending = this.#registers.get(name);
    if (pending === undefined) {
      pending = { writes: new Map(), waiters: [] };
      this.#registers.set(name, pending);
      if (this.#registers.size === 1) this.#scheduleRegisters();
    }
    const { writes, waiters } = pending;
    // As everybody else will read it: without undefined fields, dates as text. The caller may change its object.
    writes.set(key, [key, JSON.parse(text)]);
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
  }

  /** Whether edits of a document are pending. */
  isPending(document: DocumentName): boolean {
    return this.#docs.has(document);
  }

  /** Turns what is pending into envelopes now. */
  flush(): void {
    for (const [name, pending] of [...this.#docs]) {
      this.#docs.delete(name);
      this.#settle(pending.waiters, () => this.#draftDoc(name, pending), name);
    }
    this.#flushRegisters();
  }

  #flushRegisters(): void {
    for (const [name, pending] of [...this.#registers]) {
      this.#registers.delete(name);
      this.#settle(pending.waiters, () => draftRegisters(name, pending));
    }
  }

  #settle(waiters: readonly Waiter[], draft: () => Draft[], discard?: DocumentName): void {
    const fail = (error: unknown): void => {
      for (const waiter of waiters) waiter.reject(SandboxError.from(error));
    };
    try {
      this.#options.commit(draft()).then(() => {
        for (const waiter of waiters) waiter.resolve();
      }, fail);
    } catch (error) {
      if (discard !== undefined) this.#options.discard(discard);
      fail(error);
    }
  }

  #draftDoc(document: DocumentName, pending: PendingDoc): Draft[] {
    const clock = this.#options.clock(document);
    const deletes = mergeDeletes(pending.deletes);
    const updates = encodeLocalUpdates(pending.doc, this.#options.clientId(), clock, deletes, MAX_PAYLOAD_BYTES);
    return updates.map((update) => ({ document, kind: EnvelopeKind.update, ...update }));
  }

  #pendingDoc(name: DocumentName, doc: Y.Doc): PendingDoc {
    let pending = this.#docs.get(name);
    if (pending === undefined) {
      pending = { doc, deletes: [], waiters: [] };
      this.#docs.set(name, pending);
      this.#schedule();
    }
    return pending;
  }

  #scheduleRegisters(): void {
    const { hasReaders, defer, after } = this.#options;
    if (hasReaders()) defer(() => this.#flushRegisters());
    else after(UNREAD_DELAY_MS, () => this.#flushRegisters());
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.soon(() => this.#tick());
  }

  /** Comes back as long as there is something to flush, so that a tick without edits ends the stream. */
  #tick(): void {
    this.#scheduled = false;
    if (this.#docs.size === 0) {
      this.#ticks = 0;
      return;
    }
    this.flush();
    this.#ticks++;
    this.#scheduled = true;
    const delayMs = 2 ** (this.#ticks - STREAM_TICKS);
    if (delayMs < 1) this.#options.defer(() => this.#tick());
    else this.#options.after(Math.min(delayMs, MAX_STREAM_DELAY_MS), () => this.#tick());
  }
}

function draftRegisters(document: DocumentName, pending: PendingRegisters): Draft[] {
  const drafts: Draft[] = [];
  let batch: RegisterWrite[] = [];
  let bytes = 2;
  const close = (): void => {
    if (batch.length === 0) return;
    const payload = encodeRegisterWrites(batch);
    drafts.push({ document, kind: EnvelopeKind.registers, clock: 0, endClock: 0, payload });
    batch = [];
    bytes = 2;
  };
  for (const write of pending.writes.values()) {
    const size = encodeRegisterWrites([write]).length;
    if (size > MAX_PAYLOAD_BYTES) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot write register "${write[0]}": its value has ${size} bytes`, {
        hint: `The limit is ${MAX_PAYLOAD_BYTES}; keep large values out of registers.`,
      });
    }
    if (bytes + size > MAX_PAYLOAD_BYTES || batch.length >= MAX_REGISTER_WRITES) close();
    batch.push(write);
    bytes += size;
  }
  close();
  return drafts;
}
