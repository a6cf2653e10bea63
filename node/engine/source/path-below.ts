/** The one judgement of "inside" for paths, used for naming and for refusing. */

import { isAbsolute, relative, sep } from 'node:path';

/**
 * @param base absolute folder; both are compared as given, so pass real paths where symlinks matter
 * @returns posix path from `base`; undefined when `path` is `base` itself or not below it
 */
export function pathBelow(base: string, path: string): string | undefined {
  const inside = relative(base, path);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
  return inside.split(sep).join('/');
}
