/** One document's part of a checkpoint as bytes: its state, and for a Y.Doc how deep its items lie. */

import * as cbor from 'cborg';
import { plainBytes } from '#shared/bytes.ts';
import type { RegisterRow } from '#shared/documents/register-table.ts';
import { MAX_TYPE_DEPTH, type TypeRuns } from '#shared/documents/update-check.ts';
import { SandboxError } from '#shared/errors.ts';
import { CborReader } from './canonical-cbor.ts';
import { packNumbers, unpackNumbers } from './packed-numbers.ts';

/** `state` is a Yjs V1 update that makes the whole document. */
export type DocumentSegment =
  | { readonly kind: 'crdt'; readonly depths: readonly TypeRuns[]; readonly state: Uint8Array }
  | { readonly kind: 'registers'; readonly rows: readonly RegisterRow[] };

export function encodeSegment(segment: DocumentSegment): Uint8Array {
  if (segment.kind === 'registers') {
    return plainBytes(
      cbor.encode(segment.rows.map(([key, value, ...order]) => [key, JSON.stringify(value), ...order])),
    );
  }
  const depths = segment.depths.map(([client, runs]) => {
    return [client, packNumbers([0, 1, 2].map((column) => runs.map((run) => run[column] as number)))];
  });
  return plainBytes(cbor.encode([depths, segment.state]));
}

/**
 * Reads an untrusted segment: its form, not whether it is true.
 *
 * @returns a document's state as a view of `bytes`
 * @throws {SandboxError} BAD_CHECKPOINT
 */
export function parseSegment(bytes: Uint8Array, kind: DocumentSegment['kind']): DocumentSegment {
  try {
    if (kind === 'crdt') return parseDoc(new CborReader(plainBytes(bytes)));
    const value = cbor.decode(plainBytes(bytes), { strict: true, allowIndefinite: false, allowUndefined: false });
    if (Array.isArray(value)) return { kind, rows: value.map(parseRow) };
  } catch (cause) {
    if (cause instanceof SandboxError) throw cause;
    throw new SandboxError('BAD_CHECKPOINT', 'Cannot read a document of a checkpoint: it is malformed', { cause });
  }
  throw bad('it is no list');
}

function parseDoc(reader: CborReader): DocumentSegment {
  if (reader.array() !== 2) throw bad('it is no document');
  const depths: TypeRuns[] = [];
  for (let left = reader.array(); left > 0; left--) depths.push(parseRuns(reader));
  const state = reader.bytes();
  if (!reader.done) throw bad('something follows its state');
  return { kind: 'crdt', depths, state };
}

function parseRuns(reader: CborReader): TypeRuns {
  if (reader.array() !== 2) throw bad('its depths are malformed');
  const client = reader.uint();
  const columns = unpackNumbers(reader.bytes(), 3);
  if (columns === undefined) throw bad('its depths are malformed');
  const [froms, tos, levels] = columns as [number[], number[], number[]];
  let end = 0;
  const runs = froms.map((from, i): [number, number, number] => {
    const [to, level] = [tos[i] as number, levels[i] as number];
    if (from < end || to <= from || level < 1 || level > MAX_TYPE_DEPTH) throw bad('its depths are out of order');
    end = to;
    return [from, to, level];
  });
  return [client, runs];
}

function parseRow(value: unknown): RegisterRow {
  const [key, json, lamport, incarnation, seq] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof key !== 'string' || typeof json !== 'string' || ![lamport, incarnation, seq].every(isUint)) {
    throw bad('a register is malformed');
  }
  return [key, JSON.parse(json) as unknown, lamport as number, incarnation as number, seq as number];
}

function isUint(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_CHECKPOINT', `Cannot read a document of a checkpoint: ${why}`);
}
