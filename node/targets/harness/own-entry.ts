/** The main script of the process that this runs in, before Node has loaded it. */

import { entryFile } from '../entry-file.ts';

/** @returns its real path; undefined for --eval, standard input, and what cannot be found */
export function ownEntry(): string | undefined {
  const script = process.argv[1];
  // with --eval, argv[1] is the first argument
  if (script === undefined || script === '-' || ('_eval' in process && process._eval != null)) return undefined;
  return entryFile(script, require.resolve);
}
