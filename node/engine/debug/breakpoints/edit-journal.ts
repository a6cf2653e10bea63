/**
 * Undo of one's own breakpoint edits, per member: what a member's daemon wrote, with what stood there before. An edit
 * that somebody has changed since is not undone: nobody's later work goes with it. Kept while the daemon runs.
 */

import type { BreakpointId } from '#shared/ids.ts';
import type { Breakpoint } from '#shared/model/breakpoint.ts';
import type { Replica } from '../../../network/replication/replica-interface.ts';
import type { BreakpointDocument } from './breakpoint-records.ts';

const MAX_EDITS = 200;

/** One edit of one record. */
export interface BreakpointEdit {
  readonly id: BreakpointId;
  readonly document: BreakpointDocument;
  /** Undefined: there was none. */
  readonly before: Breakpoint | undefined;
  /** Undefined: it was removed. */
  readonly after: Breakpoint | undefined;
}

/** What taking back an edit did. */
export interface UndoneEdit {
  readonly edit: BreakpointEdit;
  /** Edits before it that somebody else has changed since: passed over, and forgotten. */
  readonly passedOver: number;
}

/** The record as it stands, and writing another. */
export interface RecordAccess {
  read(edit: BreakpointEdit): { readonly record: Breakpoint; readonly own: boolean } | undefined;
  /** Throws where the asker must not write that. */
  assertMayWrite(record: Breakpoint): void;
  /** @returns when durable */
  write(edit: BreakpointEdit, record: Breakpoint | undefined): Promise<void>;
}

export class EditJournal {
  readonly #done: BreakpointEdit[] = [];
  readonly #undone: BreakpointEdit[] = [];

  /** A new edit: what was taken back before it cannot come again. */
  record(edit: BreakpointEdit): void {
    this.#undone.length = 0;
    this.#done.push(edit);
    if (this.#done.length > MAX_EDITS) this.#done.shift();
  }

  /** Takes the last edit back that still stands as it was made. @returns undefined when there is none */
  undo(access: RecordAccess): Promise<UndoneEdit | undefined> {
    return this.#swap(this.#done, this.#undone, access, (edit) => {
      const now = access.read(edit);
      // Written again by somebody else it is theirs, even word for word.
      return { stands: isSame(now?.record, edit.after) && now?.own !== false, wanted: edit.before };
    });
  }

  /** Makes the last edit again that was taken back. @returns undefined when there is none */
  redo(access: RecordAccess): Promise<UndoneEdit | undefined> {
    return this.#swap(this.#undone, this.#done, access, (edit) => ({
      stands: isSame(access.read(edit)?.record, edit.before),
      wanted: edit.after,
    }));
  }

  async #swap(
    from: BreakpointEdit[],
    to: BreakpointEdit[],
    access: RecordAccess,
    judge: (edit: BreakpointEdit) => { readonly stands: boolean; readonly wanted: Breakpoint | undefined },
  ): Promise<UndoneEdit | undefined> {
    for (let passedOver = 0; ; passedOver++) {
      const edit = from.at(-1);
      if (edit === undefined) return undefined;
      const { stands, wanted } = judge(edit);
      if (stands && wanted !== undefined) access.assertMayWrite(wanted);
      from.pop();
      if (!stands) continue;
      // Before the write: a second undo while this one is on its way means the edit before.
      to.push(edit);
      await access.write(edit, wanted);
      return { edit, passedOver };
    }
  }
}

const journals = new WeakMap<Replica, EditJournal>();

/** One per sandbox: all clients of a member share it. */
export function journalOf(replica: Replica): EditJournal {
  let journal = journals.get(replica);
  if (journal === undefined) {
    journal = new EditJournal();
    journals.set(replica, journal);
  }
  return journal;
}

/** Field by field: two daemons may write the same record with its fields in another order. */
function isSame(a: Breakpoint | undefined, b: Breakpoint | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const text = (record: Breakpoint): string => JSON.stringify(sorted(record));
  return text(a) === text(b);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
