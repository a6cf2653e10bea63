/**
 * Names local files so that every member understands them, and finds named files here. A file below the innermost
 * `node_modules/<package>` of its real path belongs to that package (nested installs and pnpm's store alike); any other
 * file below the root is the project's, a workspace's symlinked packages included, since Node loads them by real path.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { ContentHash } from '#shared/ids.ts';
import { type SourceFile, sourceFileSchema } from '#shared/model/source-file.ts';
import { pathBelow } from './local-files.ts';
import { readManifest } from './package-manifest.ts';
import type { FileNames } from './project.ts';

/** Node's own modules; their paths are names such as `fs` and `internal/modules/cjs/loader`. */
export const NODE_PACKAGE = 'node';

const MAX_HASHED_BYTES = 16 * 1024 * 1024;
const MAX_CACHED_HASHES = 20_000;
const NODE_MODULES = `${sep}node_modules${sep}`;

interface CachedHash {
  readonly stamp: string;
  readonly hash: ContentHash;
}

interface InstalledPackage {
  readonly folder: string;
  /** `name@version`. */
  readonly label: string;
}

/**
 * @param root real path of the project root
 * @returns names that live as long as the caller likes: caches are bounded and follow changes on disk, except that an
 * installed package's version is read once
 */
export function createFileNames(root: string): FileNames {
  return new ProjectFileNames(root);
}

class ProjectFileNames implements FileNames {
  readonly #root: string;
  readonly #packages = new Map<string, InstalledPackage | undefined>();
  /** Where a package was seen: more than one copy of a version is normal. */
  readonly #foldersOf = new Map<string, Set<string>>();
  readonly #hashes = new Map<string, CachedHash>();

  constructor(root: string) {
    this.#root = root;
  }

  toSourceFile(absolute: string): SourceFile | undefined {
    const name = this.nameOf(absolute);
    const sha256 = name === undefined ? undefined : this.hashOf(absolute);
    return name === undefined || sha256 === undefined ? name : { ...name, sha256 };
  }

  nameOf(absolute: string): SourceFile | undefined {
    const installed = this.#packageOf(absolute);
    const base = installed?.folder ?? this.#root;
    const path = pathBelow(base, absolute);
    if (path === undefined) return undefined;
    const name = installed === undefined ? { path } : { path, package: installed.label };
    return sourceFileSchema.safeParse(name).success ? name : undefined;
  }

  hashOf(absolute: string): ContentHash | undefined {
    try {
      const stats = statSync(absolute);
      if (!stats.isFile() || stats.size > MAX_HASHED_BYTES) return undefined;
      const stamp = `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
      const cached = this.#hashes.get(absolute);
      if (cached?.stamp === stamp) return cached.hash;
      const hash = createHash('sha256').update(readFileSync(absolute)).digest('hex') as ContentHash;
      if (this.#hashes.size >= MAX_CACHED_HASHES) this.#hashes.clear();
      this.#hashes.set(absolute, { stamp, hash });
      return hash;
    } catch {
      return undefined; // gone or unreadable: there is no local copy to speak of
    }
  }

  toPath(file: SourceFile): string | undefined {
    const folders = file.package === undefined ? [this.#root] : this.#packageFolders(file.package);
    return folders
      .filter((folder) => pathBelow(folder, join(folder, file.path)) !== undefined)
      .map((folder) => join(folder, file.path))
      .find((path) => existsSync(path));
  }

  #packageOf(absolute: string): InstalledPackage | undefined {
    const folder = packageFolder(absolute);
    if (folder === undefined) return undefined;
    if (!this.#packages.has(folder)) this.#packages.set(folder, this.#readPackage(folder));
    return this.#packages.get(folder);
  }

  #readPackage(folder: string): InstalledPackage | undefined {
    const manifest = readManifest(folder);
    if (manifest === undefined) return undefined;
    const name = manifest.name ?? folder.slice(folder.lastIndexOf(NODE_MODULES) + NODE_MODULES.length);
    const label = `${name.split(sep).join('/')}@${manifest.version ?? '0.0.0'}`;
    const folders = this.#foldersOf.get(label) ?? new Set();
    this.#foldersOf.set(label, folders.add(folder));
    return { folder, label };
  }

  #packageFolders(label: string): string[] {
    const name = label.slice(0, label.lastIndexOf('@'));
    if (label === NODE_PACKAGE || name === '') return [];
    const seen = [...(this.#foldersOf.get(label) ?? [])];
    // Not loaded here yet: the hoisted copy, and pnpm's, are where an installer puts them.
    const guesses = [
      join(this.#root, 'node_modules', name),
      join(this.#root, 'node_modules', '.pnpm', label.replaceAll('/', '+'), 'node_modules', name),
    ].filter((folder) => pathBelow(this.#root, folder) !== undefined && this.#readPackage(folder)?.label === label);
    return [...new Set([...seen, ...guesses])];
  }
}

/** The innermost `…/node_modules/<name>` or `…/node_modules/@scope/<name>` above a file. */
export function packageFolder(absolute: string): string | undefined {
  const at = absolute.lastIndexOf(NODE_MODULES);
  if (at === -1) return undefined;
  const start = at + NODE_MODULES.length;
  const segments = absolute.slice(start).split(sep);
  const length = segments[0]?.startsWith('@') ? 2 : 1;
  // `.cache`, `.vite` and the like are tools' folders, and a file right in node_modules belongs to no package.
  if (segments.length <= length || segments[0]?.startsWith('.')) return undefined;
  return absolute.slice(0, start) + segments.slice(0, length).join(sep);
}
