/** A snapshot's content as bytes: deflated JSON. What others wrote is bounded before it is parsed. */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { SandboxError } from '#shared/errors.ts';
import { type SnapshotContent, snapshotContentSchema } from '#shared/model/snapshot.ts';

const MAX_TEXT_BYTES = 16 * 1024 * 1024;

export function encodeSnapshot(content: SnapshotContent): Uint8Array {
  return deflateRawSync(JSON.stringify(content), { level: 1 });
}

/** @throws {SandboxError} STORAGE_CORRUPT */
export function decodeSnapshot(bytes: Uint8Array): SnapshotContent {
  try {
    const text = inflateRawSync(bytes, { maxOutputLength: MAX_TEXT_BYTES }).toString();
    return snapshotContentSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SandboxError('STORAGE_CORRUPT', 'Cannot read a snapshot: its content is malformed', {
      hint: 'Whoever took it can take another.',
      cause,
    });
  }
}
