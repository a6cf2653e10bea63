/** Small state files that are either the old or the new whole, never half, and readable by their owner alone. */

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SandboxError } from '#shared/errors.ts';

let counter = 0;

/**
 * Writes `text` to a temporary neighbour, syncs it, renames it over `file`. Mode 0600, missing folders 0700.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export function writeFileAtomic(file: string, text: string): void {
  counter += 1;
  const temporary = `${file}.${process.pid}.${counter}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxError('HOME_UNWRITABLE', `Cannot write "${file}": ${reason}`, {
      hint: 'Make the folder writable, or set SANDMESH_HOME to one that is.',
      cause,
    });
  }
}

/**
 * Reads a JSON state file.
 *
 * @returns undefined when there is none
 * @throws {SandboxError} STORAGE_CORRUPT when it is there and no JSON
 */
export function readJsonFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
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
