/**
 * Creates a folder and those above it. Not `mkdirSync(…, { recursive: true })`: on Node 20 that never returns where
 * the system answers ENOENT below a folder that exists, as /proc does.
 */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SandboxError } from '#shared/errors.ts';

/**
 * @param folder absolute; what is missing is made 0700
 * @throws the system's error, for example EEXIST when a file is in the way
 */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  // What exists is tried too, when it is no folder: the error then says so.
  if (missing.length === 0 && !statSync(folder).isDirectory()) missing.push(folder);
  for (const each of missing) makeOne(each);
}

/** {@link makeFolder} in the home. @throws {SandboxError} HOME_UNWRITABLE */
export function makeHomeFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxError('HOME_UNWRITABLE', `Cannot make "${folder}": ${reason}`, {
      hint: 'Make the folder above it writable, or set SANDMESH_HOME to one that is.',
      cause,
    });
  }
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have been first.
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}
