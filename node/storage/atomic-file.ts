/** Small state files that are either the old or the new whole, never half, and readable by their owner alone. */

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { makeFolder } from './make-folder.ts';

/**
 * Writes `text` to a temporary neighbour, syncs it, renames it over `file`, syncs the folder: durable on return. Mode
 * 0600, missing folders 0700.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export function writeFileAtomic(file: string, text: string): void {
  // Random, because a killed daemon leaves its temporary file and a container gives the next one the same pid.
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  let made = false;
  try {
    makeFolder(dirname(file));
    const descriptor = openSync(temporary, 'wx', 0o600);
    made = true;
    try {
      // Not writeSync: it may write a part only.
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
    made = false;
    syncFolder(dirname(file));
  } catch (cause) {
    if (made) rmSync(temporary, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxError('HOME_UNWRITABLE', `Cannot write "${file}": ${reason}`, {
      hint:
        (cause as NodeJS.ErrnoException).code === 'ENOSPC'
          ? 'Free some space on the disk, and try again.'
          : 'Make the folder writable, or set SANDMESH_HOME to one that is.',
      cause,
    });
  }
}

/** A rename is durable once its folder is; Windows has no way to say so. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a JSON state file.
 *
 * @returns undefined when there is none
 * @throws {SandboxError} STORAGE_CORRUPT when it is there and cannot be read, or is no JSON
 */
export function readJsonFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SandboxError('STORAGE_CORRUPT', `Cannot read "${file}": ${reason}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SandboxError('STORAGE_CORRUPT', `Cannot read "${file}": it is not JSON`, {
      hint: 'Restore it from a backup, or move it away.',
      cause,
    });
  }
}
