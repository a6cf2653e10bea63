/** Whether files have changed since a script was made from them, or since it was loaded. */

import { createHash } from 'node:crypto';
import type { LoadedScript, ScriptSource } from './loaded-script.ts';
import { readTextFile, statsOf } from './local-files.ts';

const MAX_BYTES = 96 * 1024 * 1024;

/**
 * Whether a script's file holds by now what a later build wrote: what lies beside it is no longer of what runs.
 *
 * @returns false also where nobody can tell: the file is gone, huge, or V8 gave no hash
 */
export function isBuiltAnew({ path, hash }: LoadedScript): boolean {
  const text = path === undefined || hash === undefined ? undefined : readTextFile(path, MAX_BYTES);
  if (text === undefined) return false;
  // V8 hashes what it was given: ES modules without their byte order mark, a NUL as a space.
  const plain = text.replaceAll('\0', ' ');
  return ![plain, plain.replace(/^\uFEFF/, '')].some((version) => sha256(version) === hash);
}

/** Files of one checkout or build are written one after the other. */
const MARGIN_MS = 5_000;

/**
 * Whether an original was written after the script that was made from it, as far as files say when: nothing else tells
 * that lines may be off, where the map does not carry its text.
 */
export function isNewerThanScript({ index, path, content, script }: ScriptSource): boolean {
  if (index === undefined || content !== undefined || path === undefined) return false;
  const written = statsOf(path)?.mtimeMs;
  if (written === undefined) return false;
  // Compiled in memory, it has no other file.
  const made = script.path === undefined || script.path === path ? undefined : statsOf(script.path)?.mtimeMs;
  return written > script.heardAt || (made !== undefined && written > made + MARGIN_MS);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
