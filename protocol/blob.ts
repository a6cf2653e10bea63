/**
 * Content-addressed blobs: named by the hash of the hashes of their chunks, so that each chunk is checked the moment it
 * arrives, from whomever it comes, and a transfer goes on where it stopped.
 */

import { concatBytes, equalBytes } from '#shared/bytes.ts';
import { type Crypto, HASH_BYTES } from './crypto.ts';

/** Fits a replication message many times over; a megabyte a second shows progress four times a second. */
export const BLOB_CHUNK_BYTES = 256 * 1024;
/** 8 GB of chunks; the list of their hashes fits one message. */
export const MAX_BLOB_CHUNKS = 32 * 1024;
const DOMAIN = new TextEncoder().encode('sbx/blob/1');

/** What a blob consists of. */
export interface BlobOutline {
  readonly bytes: number;
  /** One per chunk; the last chunk may be short. */
  readonly hashes: readonly Uint8Array[];
}

/** @returns the blob's name, 32 bytes: SHA-256 of "sbx/blob/1", its size (8 bytes, big endian) and its chunks' hashes */
export function blobName(outline: BlobOutline, crypto: Pick<Crypto, 'sha256'>): Uint8Array {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(outline.bytes));
  return crypto.sha256(concatBytes(DOMAIN, size, ...outline.hashes));
}

/** @returns whether an outline, untrusted, is that of the blob so named */
export function isOutlineOf(name: Uint8Array, outline: BlobOutline, crypto: Pick<Crypto, 'sha256'>): boolean {
  const { bytes, hashes } = outline;
  if (hashes.length > MAX_BLOB_CHUNKS || hashes.length !== Math.ceil(bytes / BLOB_CHUNK_BYTES)) return false;
  return hashes.every((hash) => hash.length === HASH_BYTES) && equalBytes(blobName(outline, crypto), name);
}

/** Size of the chunk with this index. */
export function chunkBytes(outline: BlobOutline, index: number): number {
  return Math.min(BLOB_CHUNK_BYTES, outline.bytes - index * BLOB_CHUNK_BYTES);
}
