/**
 * Breakpoints as members want them: the records in the shared documents `debug` and `probes`, read with their verified
 * writer. A record that breaks the rules of its document does not exist.
 */

import { randomBytes } from 'node:crypto';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { type BreakpointId, isMemberId, type MemberId } from '#shared/ids.ts';
import { type Breakpoint, breakpointSchema, carriesCode } from '#shared/model/breakpoint.ts';
import type { Replica } from '../../../network/replication/replica-interface.ts';
import { journalOf, type RecordAccess, type UndoneEdit } from './edit-journal.ts';

/** Breakpoints that stop for everybody, as every version knows them, and those that do something else. */
const MAPS = ['breakpoints', 'points'] as const;
/** More records of one member are not looked at: nobody can make every host arm for ever, or crowd out the others. */
const MAX_OWN = 1000;

export type BreakpointDocument = 'debug' | 'probes';

export interface DesiredBreakpoint {
  readonly record: Breakpoint;
  /** Read from the Yjs client that wrote the record, which replication tied to a signed chain. */
  readonly writtenBy: MemberId;
  readonly document: BreakpointDocument;
}

export function isBreakpointDocument(name: DocumentName): name is BreakpointDocument {
  return name === 'debug' || name === 'probes';
}

/** @returns valid records by id; one that claims an id in both documents counts as the plain one */
export function readBreakpoints(replica: Replica): ReadonlyMap<BreakpointId, DesiredBreakpoint> {
  const found = new Map<BreakpointId, DesiredBreakpoint>();
  const counts = new Map<number, number>();
  for (const document of ['debug', 'probes'] as const) {
    for (const name of MAPS) {
      const map = replica.document(document).getMap<unknown>(name);
      for (const [key, item] of map._map) {
        const writtenBy = writerOf(item.id.client);
        const count = counts.get(writtenBy) ?? 0;
        if (item.deleted || !isMemberId(writtenBy) || count >= MAX_OWN) continue;
        counts.set(writtenBy, count + 1);
        const record = parseRecord(map.get(key));
        if (record?.id !== key || found.has(record.id)) continue;
        if (mapOf(record) !== name || documentOf(record) !== document) continue;
        found.set(record.id, { record, writtenBy, document });
      }
    }
  }
  return found;
}

/** As {@link readBreakpoints} counts them: whatever the records hold. */
function countOwn(replica: Replica): number {
  const items = (['debug', 'probes'] as const).flatMap((document) =>
    MAPS.flatMap((name) => [...replica.document(document).getMap(name)._map.values()]),
  );
  return items.filter(({ deleted, id }) => !deleted && writerOf(id.client) === replica.self).length;
}

/** The member that replication tied a Yjs client to. */
function writerOf(client: number): number {
  return Math.floor(client / 2 ** 32);
}

/** @returns undefined for what is malformed, and for kinds of a later version */
function parseRecord(value: unknown): Breakpoint | undefined {
  const { success, data } = breakpointSchema.safeParse(value);
  if (!success || (data.log !== undefined) !== (data.kind === 'log')) return undefined;
  return data.capture !== undefined && data.kind !== 'trace' ? undefined : data;
}

function mapOf({ kind = 'ours' }: Pick<Breakpoint, 'kind'>): (typeof MAPS)[number] {
  return kind === 'ours' ? 'breakpoints' : 'points';
}

function documentOf(record: Pick<Breakpoint, 'kind' | 'condition'>): BreakpointDocument {
  return carriesCode(record) ? 'probes' : 'debug';
}

/**
 * @returns the record as written, once durable
 * @throws {SandboxError} LIMIT_EXCEEDED
 */
export async function addBreakpoint(
  replica: Replica,
  wanted: Omit<Breakpoint, 'id' | 'author' | 'createdAt' | 'enabled'>,
  now: number,
): Promise<Breakpoint> {
  if (countOwn(replica) >= MAX_OWN) {
    throw new SandboxError('LIMIT_EXCEEDED', `Cannot set another breakpoint: you have set ${MAX_OWN}`, {
      hint: 'Remove some: sandmesh break rm <breakpoint...>',
    });
  }
  const record = breakpointSchema.parse({
    ...wanted,
    id: `${replica.self}.${now.toString(36)}${randomBytes(3).toString('hex')}`,
    author: replica.self,
    enabled: true,
    createdAt: now,
  });
  const document = documentOf(record);
  const durable = replica.edit(document, (doc) => doc.getMap(mapOf(record)).set(record.id, record));
  journalOf(replica).record({ id: record.id, document, before: undefined, after: record });
  await durable;
  return record;
}

/** @throws {SandboxError} BREAKPOINT_UNKNOWN, FORBIDDEN */
export async function removeBreakpoint(replica: Replica, id: BreakpointId): Promise<void> {
  const { document, record } = existing(replica, id);
  const durable = replica.edit(document, (doc) => doc.getMap(mapOf(record)).delete(id));
  journalOf(replica).record({ id, document, before: record, after: undefined });
  await durable;
}

/** @throws {SandboxError} BREAKPOINT_UNKNOWN, FORBIDDEN */
export async function enableBreakpoint(replica: Replica, id: BreakpointId, enabled: boolean): Promise<void> {
  const { document, record } = existing(replica, id);
  if (record.enabled === enabled) return;
  const after = { ...record, enabled };
  const durable = replica.edit(document, (doc) => doc.getMap(mapOf(after)).set(id, after));
  journalOf(replica).record({ id, document, before: record, after });
  await durable;
}

/**
 * Takes this member's last edit back, or makes the one taken back again.
 *
 * @param assertMayWrite throws where the record must not come back; the edit then stays the next one
 * @returns undefined when there is none
 */
export function undoBreakpointEdit(
  replica: Replica,
  redo: boolean,
  assertMayWrite: (record: Breakpoint) => void,
): Promise<UndoneEdit | undefined> {
  const access: RecordAccess = {
    assertMayWrite,
    read: ({ id, document }) => {
      const found = readBreakpoints(replica).get(id);
      if (found?.document !== document) return undefined;
      return { record: found.record, own: found.writtenBy === replica.self };
    },
    write: ({ id, document, before, after }, record) =>
      replica.edit(document, (doc) => {
        const map = doc.getMap(mapOf(record ?? before ?? after ?? {}));
        if (record === undefined) map.delete(id);
        else map.set(id, record);
      }),
  };
  const journal = journalOf(replica);
  return redo ? journal.redo(access) : journal.undo(access);
}

function existing(replica: Replica, id: BreakpointId): DesiredBreakpoint {
  const found = readBreakpoints(replica).get(id);
  if (found !== undefined) return found;
  throw new SandboxError('BREAKPOINT_UNKNOWN', `Cannot find the breakpoint "${id}"`, {
    hint: 'List them with "sandmesh break list".',
  });
}
