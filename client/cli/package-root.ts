/** Finds the installed package: its version, and the daemon's bundle next to the CLI's own. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Bundled, this module lies in `.dist`; from source in `client/cli`. */
const MAX_LEVELS = 4;

interface PackageRoot {
  readonly folder: string;
  readonly version: string;
}

let found: PackageRoot | undefined;

export function packageRoot(): PackageRoot {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < MAX_LEVELS; level++, folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version }: { name?: string; version?: string } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (name === 'sandmesh' && version !== undefined) {
      found = { folder, version };
      return found;
    }
  }
  throw new Error(`sandmesh is not installed whole: no package.json above ${fileURLToPath(import.meta.url)}`);
}

/** The daemon's bundle, built by `npm run build`. */
export function daemonScript(): string {
  return join(packageRoot().folder, '.dist', 'daemon.cjs');
}
