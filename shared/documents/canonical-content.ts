/**
 * The content of a document as bytes that are equal wherever it is equal. Two converged Y.Docs need not encode to the
 * same update: garbage collection inside deleted types depends on the order of arrival. This form leaves out what lies
 * inside deleted types, and keeps the ids of everything that later edits could stand beside.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import type { RegisterRow } from './register-table.ts';

type AnyType = Y.AbstractType<unknown>;

/** Neighbours in a sequence that say the same of following clocks of one client. */
interface Run {
  readonly kind: 'deleted' | 'string' | 'any' | 'type';
  readonly client: number;
  readonly clock: number;
  length: number;
  readonly contents: Y.Item[];
}

const RUN_CODES = { deleted: 0, string: 1, any: 2, type: 3 } as const;

/** @param doc may be alive; it is only read */
export function encodeCanonicalDoc(doc: Y.Doc): Uint8Array {
  const encoder = encoding.createEncoder();
  // A root that somebody merely asked for is no content.
  const roots = [...doc.share].filter(([, type]) => type._start !== null || livingEntries(type).length > 0);
  for (const [name, type] of roots.sort(([a], [b]) => (a < b ? -1 : 1))) {
    encoding.writeVarString(encoder, name);
    writeType(encoder, type as AnyType);
  }
  return encoding.toUint8Array(encoder);
}

/** @param rows in the order of their keys */
export function encodeCanonicalRegisters(rows: readonly RegisterRow[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(rows));
}

function livingEntries(type: Pick<AnyType, '_map'>): [string, Y.Item][] {
  return [...type._map].filter(([, item]) => !item.deleted);
}

function writeType(encoder: encoding.Encoder, type: AnyType): void {
  const entries = livingEntries(type).sort(([a], [b]) => (a < b ? -1 : 1));
  encoding.writeVarUint(encoder, entries.length);
  for (const [key, item] of entries) {
    encoding.writeVarString(encoder, key);
    encoding.writeVarUint(encoder, item.lastId.client);
    encoding.writeVarUint(encoder, item.lastId.clock);
    writeEntry(encoder, item.content);
  }
  const runs = collectRuns(type);
  encoding.writeVarUint(encoder, runs.length);
  for (const run of runs) writeRun(encoder, run);
}

/** The last value of an item is what its key holds. */
function writeEntry(encoder: encoding.Encoder, content: Y.Item['content']): void {
  if (content instanceof Y.ContentType) {
    encoding.writeUint8(encoder, RUN_CODES.type);
    writeNested(encoder, content);
  } else {
    encoding.writeUint8(encoder, RUN_CODES.any);
    encoding.writeAny(encoder, content.getContent().at(-1));
  }
}

function collectRuns(type: AnyType): Run[] {
  const runs: Run[] = [];
  for (let item = type._start; item !== null; item = item.right) {
    const kind = kindOf(item);
    const last = runs.at(-1);
    const { client, clock } = item.id;
    const joins = last?.kind === kind && last.client === client && last.clock + last.length === clock;
    if (last !== undefined && joins && kind !== 'type') {
      last.length += item.length;
      last.contents.push(item);
    } else {
      runs.push({ kind, client, clock, length: item.length, contents: [item] });
    }
  }
  return runs;
}

function kindOf(item: Y.Item): Run['kind'] {
  if (item.deleted) return 'deleted';
  if (item.content instanceof Y.ContentString) return 'string';
  return item.content instanceof Y.ContentType ? 'type' : 'any';
}

function writeRun(encoder: encoding.Encoder, run: Run): void {
  encoding.writeUint8(encoder, RUN_CODES[run.kind]);
  encoding.writeVarUint(encoder, run.client);
  encoding.writeVarUint(encoder, run.clock);
  encoding.writeVarUint(encoder, run.length);
  if (run.kind === 'string') {
    encoding.writeVarString(encoder, run.contents.map(({ content }) => (content as Y.ContentString).str).join(''));
  } else if (run.kind === 'type') {
    writeNested(encoder, run.contents[0]?.content as Y.ContentType);
  } else if (run.kind === 'any') {
    for (const { content } of run.contents) for (const value of content.getContent()) encoding.writeAny(encoder, value);
  }
}

function writeNested(encoder: encoding.Encoder, { type }: Y.ContentType): void {
  const kind = type instanceof Y.Text ? 2 : type instanceof Y.Map ? 1 : 0;
  encoding.writeUint8(encoder, kind);
  writeType(encoder, type as AnyType);
}
