/**
 * Questions about local paths that have an answer for every string: a path that is absent, unreadable, too long or
 * malformed is simply no file. What must tell these apart asks the file system itself.
 */

import { readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';

export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // unreadable folder, name too long, NUL in the name: nothing there for us
  }
}

export function isFile(path: string): boolean {
  return statsOf(path)?.isFile() ?? false;
}

export function isFolder(path: string): boolean {
  return statsOf(path)?.isDirectory() ?? false;
}

/** @param maxBytes files above it, folders, devices and what cannot be read give undefined */
export function readTextFile(path: string, maxBytes: number): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= maxBytes ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined; // as in statsOf
  }
}

/** @returns `path` itself when it does not exist or may not be followed */
export function realPathOrSame(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/**
 * @param base absolute folder; both are compared as given, so pass real paths where symlinks matter
 * @returns posix path from `base`; undefined when `path` is `base` itself or not below it
 */
export function pathBelow(base: string, path: string): string | undefined {
  const inside = relative(base, path);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
  return inside.split(sep).join('/');
}
