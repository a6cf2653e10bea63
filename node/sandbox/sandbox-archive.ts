/**
 * A sandbox as one file (protocol/PROTOCOL.md, Export file): what it is made of, each part with its hash, then the
 * parts. Nothing in it is believed because it lies there: what comes back is verified like what lies on disk. Without
 * its keys the file shows the sandbox to whoever has it; with them it is the sandbox.
 */

import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import { BLOB_FOLDER, LOG_NAME } from '../network/replication/checkpoints/checkpoint-storage.ts';
import { SHARED_FOLDER } from '../network/replication/peers/shared-blobs.ts';
import { makeHomeFolder } from '../storage/make-folder.ts';

const MAGIC = Buffer.from('SMXP');
export const ARCHIVE_VERSION = 1;
const HEAD_BYTES = 12;
const HASH_BYTES = 32;
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

/** Names a part may have: nothing in an archive chooses a path of its own. */
const PART_NAME = /^(?:sandbox\.log|(?:blobs|shared)\/[0-9a-f]{64}|[a-z]{1,20}(?:\.[a-z]{1,20})?\.key(?:\.sealed)?)$/;
const KEY_NAME = /\.key(?:\.sealed)?$/;

const manifestSchema = z.strictObject({
  version: z.literal(ARCHIVE_VERSION),
  sandbox: sandboxIdSchema,
  name: z.string().max(64),
  exportedAt: z.number().int().nonnegative(),
  parts: z
    .array(
      z.strictObject({
        name: z.string().regex(PART_NAME),
        bytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(100_000)
    .refine((parts) => new Set(parts.map(({ name }) => name)).size === parts.length, 'a part is listed twice'),
});
export type ArchiveManifest = z.infer<typeof manifestSchema>;

/**
 * Writes an archive of a sandbox's folder, durable on return, 0600. In one go: nothing is written to the folder meanwhile.
 *
 * @param about `keys`: with the control keys that lie in the folder
 * @returns its size, and whether there were any keys
 * @throws {SandboxError} BAD_ARGUMENT when the file exists or cannot be made there; HOME_UNWRITABLE when the disk fails
 */
export function writeArchive(
  file: string,
  folder: string,
  about: Pick<ArchiveManifest, 'sandbox' | 'name' | 'exportedAt'> & { readonly keys: boolean },
): { readonly bytes: number; readonly keys: boolean } {
  const { keys, ...rest } = about;
  const parts = partNames(folder, keys).map((name) => ({ name, ...digestOf(join(folder, name)) }));
  const manifest: ArchiveManifest = { version: ARCHIVE_VERSION, ...rest, parts };
  const json = Buffer.from(JSON.stringify(manifest));
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt32BE(ARCHIVE_VERSION, 4);
  head.writeUInt32BE(json.length, 8);
  const target = createNew(file, 'BAD_ARGUMENT');
  try {
    for (const bytes of [head, json, sha256(json)]) writeAll(target, bytes);
    for (const { name, bytes } of parts) copyBytes(join(folder, name), target, bytes);
    fsyncSync(target);
    return { bytes: fstatSync(target).size, keys: hasKeys(manifest) };
  } catch (cause) {
    rmSync(file, { force: true });
    throw new SandboxError('HOME_UNWRITABLE', `Cannot write "${file}": ${reasonOf(cause)}`, { cause });
  } finally {
    closeSync(target);
  }
}

/**
 * Unpacks an archive into a folder. Others get their turn meanwhile.
 *
 * @param folderFor called once with what the file says it is; what it throws is passed on before anything is written
 * @throws {SandboxError} BAD_EXPORT when a byte of it is not what was written; BAD_ARGUMENT when there is no such file;
 * VERSION_UNSUPPORTED; HOME_UNWRITABLE; `signal.reason`
 */
export async function readArchive(
  file: string,
  folderFor: (manifest: ArchiveManifest) => string,
  signal?: AbortSignal,
): Promise<ArchiveManifest> {
  const source = openExisting(file);
  try {
    const manifest = readManifest(source, file);
    const folder = folderFor(manifest);
    for (const part of manifest.parts) await unpack(source, part, folder, file, signal);
    return manifest;
  } finally {
    closeSync(source);
  }
}

export function hasKeys({ parts }: ArchiveManifest): boolean {
  return parts.some(({ name }) => KEY_NAME.test(name));
}

function partNames(folder: string, keys: boolean): string[] {
  const files = readdirSync(folder).filter((name) => name === LOG_NAME || (keys && KEY_NAME.test(name)));
  const blobs = [BLOB_FOLDER, SHARED_FOLDER].flatMap((room) => blobNames(folder, room));
  return [...files, ...blobs].filter((name) => PART_NAME.test(name)).sort();
}

function blobNames(folder: string, room: string): string[] {
  try {
    return readdirSync(join(folder, room)).map((name) => `${room}/${name}`);
  } catch (error) {
    // Made with the first checkpoint, or the first snapshot.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

function readManifest(source: number, file: string): ArchiveManifest {
  const head = readExactly(source, HEAD_BYTES, file);
  if (!head.subarray(0, 4).equals(MAGIC)) throw corrupt(file, 'it is no export of a sandbox');
  const version = head.readUInt32BE(4);
  if (version !== ARCHIVE_VERSION) {
    throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read "${file}": it has version ${version}`, {
      hint: 'A newer sandmesh may have written it: update this one.',
    });
  }
  const length = head.readUInt32BE(8);
  if (length > MAX_MANIFEST_BYTES) throw corrupt(file, 'its list of parts is too long');
  const json = readExactly(source, length, file);
  if (!readExactly(source, HASH_BYTES, file).equals(sha256(json))) throw corrupt(file, 'its list of parts was changed');
  let parsed: ReturnType<typeof manifestSchema.safeParse>;
  try {
    parsed = manifestSchema.safeParse(JSON.parse(json.toString('utf8')));
  } catch (cause) {
    throw corrupt(file, 'its list of parts is no JSON', cause);
  }
  if (!parsed.success) throw corrupt(file, `its list of parts is malformed: ${parsed.error.issues[0]?.message}`);
  // Before a byte of it is unpacked: what it says to hold may be more than the disk does.
  const ends = parsed.data.parts.reduce((sum, { bytes }) => sum + bytes, HEAD_BYTES + length + HASH_BYTES);
  const { size } = fstatSync(source);
  if (size < ends) throw corrupt(file, `it was cut short: it has ${size} of ${ends} bytes`);
  if (size > ends) throw corrupt(file, `something follows its last part: it has ${size} instead of ${ends} bytes`);
  return parsed.data;
}

async function unpack(
  source: number,
  part: ArchiveManifest['parts'][number],
  folder: string,
  file: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const path = join(folder, part.name);
  makeHomeFolder(dirname(path));
  const target = createNew(path, 'HOME_UNWRITABLE');
  const hash = createHash('sha256');
  try {
    for (let left = part.bytes; left > 0; ) {
      const bytes = readExactly(source, Math.min(left, COPY_BYTES), file);
      hash.update(bytes);
      writeAll(target, bytes);
      left -= bytes.length;
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    fsyncSync(target);
  } catch (cause) {
    if (cause instanceof SandboxError || signal?.aborted) throw cause;
    throw new SandboxError('HOME_UNWRITABLE', `Cannot write "${path}": ${reasonOf(cause)}`, { cause });
  } finally {
    closeSync(target);
  }
  if (hash.digest('hex') !== part.sha256) throw corrupt(file, `its part "${part.name}" was changed`);
}

function digestOf(path: string): { bytes: number; sha256: string } {
  const source = openSync(path, 'r');
  try {
    const { size } = fstatSync(source);
    const hash = createHash('sha256');
    for (let left = size; left > 0; ) {
      const bytes = readExactly(source, Math.min(left, COPY_BYTES), path);
      hash.update(bytes);
      left -= bytes.length;
    }
    return { bytes: size, sha256: hash.digest('hex') };
  } finally {
    closeSync(source);
  }
}

function copyBytes(path: string, target: number, count: number): void {
  const source = openSync(path, 'r');
  try {
    for (let left = count; left > 0; ) {
      const bytes = readExactly(source, Math.min(left, COPY_BYTES), path);
      writeAll(target, bytes);
      left -= bytes.length;
    }
  } finally {
    closeSync(source);
  }
}

function readExactly(source: number, length: number, file: string): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(source, bytes, filled, length - filled, null);
    if (count === 0) throw corrupt(file, 'it was cut short');
    filled += count;
  }
  return bytes;
}

function writeAll(target: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(target, bytes, written);
}

/** @param unwritable whose fault it is when the place cannot be written to: that of who named it, or of the home */
function createNew(path: string, unwritable: 'BAD_ARGUMENT' | 'HOME_UNWRITABLE'): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    if (exists) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot write "${path}": it exists`, { hint: 'Choose another name.' });
    }
    throw new SandboxError(unwritable, `Cannot write "${path}": ${reasonOf(cause)}`, { cause });
  }
}

/** Only a file: a folder cannot be read, a pipe may never end, a device has no end. */
function openExisting(path: string): number {
  let source: number;
  try {
    source = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
  if (fstatSync(source).isFile()) return source;
  closeSync(source);
  throw new SandboxError('BAD_ARGUMENT', `Cannot read "${path}": it is no file`, {
    hint: 'Name the file that "sandmesh export" wrote.',
  });
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function corrupt(file: string, why: string, cause?: unknown): SandboxError {
  return new SandboxError('BAD_EXPORT', `Cannot import "${file}": ${why}`, {
    hint: 'Copy the file again, or export anew where the sandbox lies.',
    cause,
  });
}
