/** Compression of replication messages: level 1 gets nearly all there is to get, in 2 ms a megabyte. */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Deflate, Inflate } from '#protocol/replication-messages.ts';

/** Below it a live keystroke would only pay for the call. */
const MIN_DEFLATE_BYTES = 1024;

export const deflateBody: Deflate = (body) => {
  if (body.length < MIN_DEFLATE_BYTES) return undefined;
  const small = deflateRawSync(body, { level: 1 });
  return small.length < body.length ? small : undefined;
};

export const inflateBody: Inflate = (body, maxBytes) => {
  const bytes = inflateRawSync(body, { maxOutputLength: maxBytes });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};
