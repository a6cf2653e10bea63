/** What replication says about blobs: bodies of messages `wantBlob`, `blobOutline`, `blobChunk` and `pruned`. */

import { SandboxError } from '#shared/errors.ts';
import { isMemberId, type MemberId } from '#shared/ids.ts';
import { BLOB_CHUNK_BYTES, type BlobOutline, MAX_BLOB_CHUNKS } from './blob.ts';
import { HASH_BYTES } from './crypto.ts';

/** Chunks one message may ask for. */
export const MAX_WANTED_CHUNKS = 16;
const MAX_PRUNED = 50_000;

export type BlobMessage =
  /** Asks for `count` chunks from `from` on; from 0 on, for the outline before them. */
  | { readonly type: 'wantBlob'; readonly name: Uint8Array; readonly from: number; readonly count: number }
  /** Without an outline: the blob is not here. */
  | { readonly type: 'blobOutline'; readonly name: Uint8Array; readonly outline: BlobOutline | undefined }
  | { readonly type: 'blobChunk'; readonly name: Uint8Array; readonly index: number; readonly bytes: Uint8Array }
  /** Up to these seqs a checkpoint stands for the chains: their envelopes are not here. */
  | { readonly type: 'pruned'; readonly bases: readonly PrunedChain[] };

export interface PrunedChain {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly seq: number;
}

export type BlobMessageType = BlobMessage['type'];

/** @returns the fields of the message's CBOR array */
export function blobMessageFields(message: BlobMessage): unknown[] {
  switch (message.type) {
    case 'wantBlob':
      return [message.name, message.from, message.count];
    case 'blobOutline':
      return message.outline === undefined
        ? [message.name]
        : [message.name, message.outline.bytes, message.outline.hashes];
    case 'blobChunk':
      return [message.name, message.index, message.bytes];
    case 'pruned':
      return message.bases.map(({ member, incarnation, seq }) => [member, incarnation, seq]);
  }
}

/** Reads untrusted fields: form and ranges. @throws {SandboxError} BAD_FRAME */
export function parseBlobMessage(type: BlobMessageType, fields: readonly unknown[]): BlobMessage {
  if (type === 'pruned') return { type, bases: parseBases(fields) };
  const [name, second, third] = fields;
  if (!isHash(name)) throw bad('it names no blob');
  switch (type) {
    case 'wantBlob':
      if (!isIndex(second) || !isIndex(third) || third > MAX_WANTED_CHUNKS) throw bad('it asks for no chunks');
      return { type, name, from: second, count: third };
    case 'blobOutline':
      return { type, name, outline: fields.length === 1 ? undefined : parseOutline(second, third) };
    case 'blobChunk':
      if (!isIndex(second) || !(third instanceof Uint8Array) || third.length > BLOB_CHUNK_BYTES) {
        throw bad('its chunk is malformed');
      }
      return { type, name, index: second, bytes: third };
  }
}

function parseOutline(bytes: unknown, hashes: unknown): BlobOutline {
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) throw bad('its outline has no size');
  if (!Array.isArray(hashes) || hashes.length > MAX_BLOB_CHUNKS || !hashes.every(isHash)) {
    throw bad('its outline is malformed');
  }
  return { bytes: bytes as number, hashes };
}

function parseBases(fields: readonly unknown[]): PrunedChain[] {
  if (fields.length > MAX_PRUNED) throw bad('it names too many chains');
  return fields.map((item) => {
    const [member, incarnation, seq] = Array.isArray(item) ? (item as unknown[]) : [];
    const ranged = [incarnation, seq].every((number) => Number.isSafeInteger(number) && (number as number) >= 0);
    if (!isMemberId(member) || !ranged || (incarnation as number) >= 2 ** 32) throw bad('a chain is malformed');
    return { member, incarnation: incarnation as number, seq: seq as number };
  });
}

function isHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === HASH_BYTES;
}

function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_BLOB_CHUNKS;
}

function bad(why: string): SandboxError {
  return new SandboxError('BAD_FRAME', `Cannot read a replication message: ${why}`);
}
