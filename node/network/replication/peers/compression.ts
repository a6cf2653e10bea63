/**
 * Compression of replication messages. Deflate at level 1 gets nearly all there is to get of live ones, in 2 ms a
 * megabyte. Chunks of blobs, whole documents of records that resemble each other, take half of that with brotli.
 */

import { brotliCompressSync, brotliDecompressSync, constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { BLOB_CHUNK_BYTES } from '#protocol/blob.ts';
import type { Compress, Decompress } from '#protocol/replication-messages.ts';

/** Below it a live keystroke would only pay for the call. */
const MIN_BYTES = 1024;
/** 4 ms a megabyte; what follows costs several times that for a tenth less. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 18 } };

/** A chunk's message fits: it comes in one piece, not in twenty to be joined. */
const CHUNK_BYTES = BLOB_CHUNK_BYTES + 1024;

export const compressBody: Compress = (body, format) => {
  if (body.length < MIN_BYTES) return undefined;
  const small = format === 'brotli' ? brotliCompressSync(body, BROTLI) : deflateRawSync(body, { level: 1 });
  return small.length < body.length ? small : undefined;
};

export const decompressBody: Decompress = (body, format, maxBytes) => {
  const options = { maxOutputLength: maxBytes };
  const bytes =
    format === 'brotli'
      ? brotliDecompressSync(body, { ...options, chunkSize: CHUNK_BYTES })
      : inflateRawSync(body, options);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};
