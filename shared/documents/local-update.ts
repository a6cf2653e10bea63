/**
 * What a tick of local edits becomes on the wire: one Yjs V1 update, or several where it would pass the limits, cut at
 * clock boundaries. Structs are read from the store once, at the end of the tick, so that a hundred transactions cost
 * one encoding.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { SandboxError } from '../errors.ts';
import type { DeleteRange } from './update-reader.ts';
import { MAX_CLOCK_ADVANCE, MAX_UPDATE_STRUCTS } from './update-reader.ts';
import { writeDeletes } from './update-writer.ts';

export interface LocalUpdate {
  /** Clock at which its structs start; for deletes alone, where the next would. */
  readonly clock: number;
  readonly endClock: number;
  readonly payload: Uint8Array;
}

/** One struct, or a part of one, encoded. */
interface Piece {
  readonly clock: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Characters per piece of a long text: at most 3 bytes each. */
const TEXT_PIECE = 16 * 1024;
/** For client, clock, counts and the delete set's frame. */
const OVERHEAD_BYTES = 64;

/**
 * Encodes what `client` wrote from `clock` on, and `deletes`.
 *
 * @param maxBytes limit of one payload
 * @returns in clock order; empty when nothing happened
 * @throws {SandboxError} LIMIT_EXCEEDED when one value alone passes the limit
 */
export function encodeLocalUpdates(
  doc: Y.Doc,
  client: number,
  clock: number,
  deletes: readonly DeleteRange[],
  maxBytes: number,
): LocalUpdate[] {
  const structs = doc.store.clients.get(client);
  const wrote = structs !== undefined && Y.getState(doc.store, client) > clock;
  const written = wrote ? structs.slice(Y.findIndexSS(structs, clock)) : [];
  return encodeStructUpdates(written, client, clock, deletes, maxBytes);
}

/**
 * Encodes structs of one client that follow each other, and `deletes`.
 *
 * @param structs the first may begin before `clock`: what lies before is left out
 * @returns as {@link encodeLocalUpdates}
 * @throws {SandboxError} LIMIT_EXCEEDED when one value alone passes the limit
 */
export function encodeStructUpdates(
  structs: readonly (Y.GC | Y.Item)[],
  client: number,
  clock: number,
  deletes: readonly DeleteRange[],
  maxBytes: number,
): LocalUpdate[] {
  const chunks = packPieces(cutPieces(structs, clock, maxBytes - OVERHEAD_BYTES), maxBytes - OVERHEAD_BYTES);
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1 && only.length + deletes.length <= MAX_UPDATE_STRUCTS) {
    // Deletes join the only chunk if they fit; otherwise they follow in chunks of their own.
    const payload = encodeUpdate(client, only, deletes);
    if (payload.length <= maxBytes) return [{ clock, endClock: endOf(only), payload }];
  }
  const updates: LocalUpdate[] = [];
  let at = clock;
  for (const chunk of chunks) {
    updates.push({ clock: at, endClock: endOf(chunk), payload: encodeUpdate(client, chunk, []) });
    at = endOf(chunk);
  }
  return [...updates, ...encodeDeletes(client, deletes, at, maxBytes)];
}

function endOf(chunk: readonly Piece[]): number {
  const last = chunk.at(-1) as Piece;
  return last.clock + last.length;
}

/** @param clock where the client stands */
function encodeDeletes(
  client: number,
  deletes: readonly DeleteRange[],
  clock: number,
  maxBytes: number,
): LocalUpdate[] {
  const updates: LocalUpdate[] = [];
  // 27 bytes hold the three largest numbers of a range.
  const step = Math.min(MAX_UPDATE_STRUCTS, Math.floor((maxBytes - OVERHEAD_BYTES) / 27));
  for (let i = 0; i < deletes.length; i += step) {
    const payload = encodeUpdate(client, [], deletes.slice(i, i + step));
    updates.push({ clock, endClock: clock, payload });
  }
  return updates;
}

/** All structs go through one encoder: an encoder each was a quarter of what a burst cost its author. */
function cutPieces(structs: readonly (Y.GC | Y.Item)[], clock: number, maxBytes: number): Piece[] {
  const encoder = new Y.UpdateEncoderV1();
  const ends: number[] = [];
  for (const struct of structs) {
    struct.write(encoder, Math.max(0, clock - struct.id.clock));
    ends.push(encoding.length(encoder.restEncoder));
  }
  const bytes = encoding.toUint8Array(encoder.restEncoder);
  const pieces: Piece[] = [];
  for (const [n, end] of ends.entries()) {
    const struct = structs[n] as Y.GC | Y.Item;
    const from = Math.max(0, clock - struct.id.clock);
    const length = struct.length - from;
    const start = ends[n - 1] ?? 0;
    if (end - start > maxBytes || length > MAX_CLOCK_ADVANCE) pieces.push(...splitStruct(struct, from, maxBytes));
    else pieces.push({ clock: struct.id.clock + from, length, bytes: bytes.subarray(start, end) });
  }
  return pieces;
}

function splitStruct(struct: Y.GC | Y.Item, from: number, maxBytes: number): Piece[] {
  const pieces: Piece[] = [];
  for (let start = from; start < struct.length; ) {
    const end = endOfPiece(struct, start);
    const bytes = encodeStruct(cutStruct(struct, end), start);
    if (bytes.length > maxBytes) {
      throw new SandboxError(
        'LIMIT_EXCEEDED',
        `Cannot share a value of ${bytes.length} bytes: the limit is ${maxBytes}`,
        {
          hint: 'Split it into several records.',
        },
      );
    }
    pieces.push({ clock: struct.id.clock + start, length: end - start, bytes });
    start = end;
  }
  return pieces;
}

function endOfPiece(struct: Y.GC | Y.Item, start: number): number {
  if (!(struct instanceof Y.Item)) return Math.min(struct.length, start + MAX_CLOCK_ADVANCE);
  const { content } = struct;
  if (content instanceof Y.ContentString) {
    const end = Math.min(struct.length, start + TEXT_PIECE);
    const last = content.str.charCodeAt(end - 1);
    // Between the halves of a surrogate pair Yjs would replace both.
    return last >= 0xd800 && last <= 0xdbff && end < struct.length ? end - 1 : end;
  }
  if (content instanceof Y.ContentDeleted) return Math.min(struct.length, start + MAX_CLOCK_ADVANCE);
  return start + 1;
}

/** The same struct, ending at `end`. The original is left alone. */
function cutStruct(struct: Y.GC | Y.Item, end: number): Y.GC | Y.Item {
  if (end === struct.length) return struct;
  if (!(struct instanceof Y.Item)) return new Y.GC(struct.id, end);
  const content = struct.content.copy();
  content.splice(end);
  const { id, origin, rightOrigin, parent, parentSub } = struct;
  return new Y.Item(id, null, origin, null, rightOrigin, parent, parentSub, content);
}

function encodeStruct(struct: Y.GC | Y.Item, offset: number): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  struct.write(encoder, offset);
  return encoding.toUint8Array(encoder.restEncoder);
}

function packPieces(pieces: readonly Piece[], maxBytes: number): Piece[][] {
  const chunks: Piece[][] = [];
  let chunk: Piece[] = [];
  let bytes = 0;
  let clocks = 0;
  for (const piece of pieces) {
    const full =
      bytes + piece.bytes.length > maxBytes ||
      clocks + piece.length > MAX_CLOCK_ADVANCE ||
      chunk.length >= MAX_UPDATE_STRUCTS;
    if (full && chunk.length > 0) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
      clocks = 0;
    }
    chunk.push(piece);
    bytes += piece.bytes.length;
    clocks += piece.length;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

function encodeUpdate(client: number, pieces: readonly Piece[], deletes: readonly DeleteRange[]): Uint8Array {
  const encoder = encoding.createEncoder();
  const first = pieces[0];
  encoding.writeVarUint(encoder, first === undefined ? 0 : 1);
  if (first !== undefined) {
    encoding.writeVarUint(encoder, pieces.length);
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, first.clock);
    for (const piece of pieces) encoding.writeUint8Array(encoder, piece.bytes);
  }
  writeDeletes(encoder, deletes);
  return encoding.toUint8Array(encoder);
}

/** Sorts and joins touching or overlapping ranges. */
export function mergeDeletes(ranges: readonly DeleteRange[]): DeleteRange[] {
  const sorted = [...ranges].sort((a, b) => a.client - b.client || a.clock - b.clock);
  const merged: { client: number; clock: number; length: number }[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && last.client === range.client && range.clock <= last.clock + last.length) {
      last.length = Math.max(last.length, range.clock + range.length - last.clock);
    } else {
      merged.push({ ...range });
    }
  }
  return merged;
}
