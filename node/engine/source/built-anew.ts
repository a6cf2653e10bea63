/** Whether a script's file holds by now what a later build wrote: what lies beside it is no longer of what runs. */

import { createHash } from 'node:crypto';
import type { LoadedScript } from './loaded-script.ts';
import { readTextFile } from './local-files.ts';

const MAX_BYTES = 96 * 1024 * 1024;

/** @returns false also where nobody can tell: the file is gone, huge, or V8 gave no hash */
export function isBuiltAnew({ path, hash }: LoadedScript): boolean {
  const text = path === undefined || hash === undefined ? undefined : readTextFile(path, MAX_BYTES);
  if (text === undefined) return false;
  // V8 hashes what it was given: ES modules without their byte order mark, a NUL as a space.
  const plain = text.replaceAll('\0', ' ');
  return ![plain, plain.replace(/^\uFEFF/, '')].some((version) => sha256(version) === hash);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
