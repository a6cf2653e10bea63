/** A project that depends on packages nobody here wrote, as npm leaves it. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const installed = path.resolve(import.meta.dirname, '../../node_modules');

/** @returns the real path of a file of a package that is installed here */
export function packageFile(name: string, file: string): string {
  return path.join(installed, name, file);
}

/**
 * Writes the project's files and links its packages, which so stay unmodified and find their own dependencies.
 *
 * @param folder is made if it is missing
 * @param files texts by path within the folder, package.json included
 */
export function createNpmProject(
  folder: string,
  packages: readonly string[],
  files: Readonly<Record<string, string>>,
): void {
  mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  for (const name of packages) symlinkSync(path.join(installed, name), path.join(folder, 'node_modules', name));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
}
