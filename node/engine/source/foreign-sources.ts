/**
 * Originals that a map names by paths of another machine: of a CI build, a container, or below a made-up
 * `sourceRoot: "/source/"`. Found in the checkout by the longest end of the path that is there, next to the script
 * first; where two files have it, it is neither.
 */

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { normalize } from 'node:path/posix';
import { isFile, pathBelow, readTextFile } from './local-files.ts';

export interface ForeignSource {
  /** Absolute, with `/` between segments. */
  readonly path: string;
  /** As the map has it, without its `sourceRoot`. */
  readonly name: string;
  /** Text carried by the map. */
  readonly content: string | undefined;
}

/** Bundles hold thousands of sources; those of one build are found by what was found before, the rest is not worth it. */
const MAX_SEARCHES = 200;
const MAX_SEGMENTS = 20;
const MAX_SUBFOLDERS = 100;
const MAX_COMPARED_BYTES = 4 * 1024 * 1024;
const MODULES = '/node_modules/';

export class ForeignSources {
  readonly #scriptPath: string;
  readonly #root: string;
  /** What other sources of the map turned out to be: their folder there → the same folder here. */
  readonly #known = new Map<string, string>();
  #levels: readonly (readonly string[])[] | undefined;
  #searches = 0;

  /** @param root of the project or package; nothing is looked for above it */
  constructor(scriptPath: string, root: string) {
    this.#scriptPath = scriptPath;
    this.#root = root;
  }

  /** @returns absolute path of the file here; undefined: there is none, or no telling which */
  find(source: ForeignSource): string | undefined {
    const path = normalize(source.path);
    const inModules = path.lastIndexOf(MODULES);
    if (inModules !== -1) return found([join(this.#root, path.slice(inModules))]);
    for (const [there, here] of this.#known) {
      if (path.startsWith(there) && isFile(join(here, path.slice(there.length)))) {
        return join(here, path.slice(there.length));
      }
    }
    return this.#searches++ < MAX_SEARCHES ? this.#search({ ...source, path }) : undefined;
  }

  #search(source: ForeignSource): string | undefined {
    const segments = source.path.split('/').filter((segment) => segment !== '');
    const whole = source.name.split('/').filter((segment) => !/^\.{0,2}$/.test(segment)).length;
    this.#levels ??= this.#foldersAbove();
    for (let length = Math.min(segments.length, MAX_SEGMENTS); length > 0; length -= 1) {
      const end = segments.slice(-length).join('/');
      for (const folders of this.#levels) {
        const there = folders.map((folder) => join(folder, end)).filter(isFile);
        if (there.length === 0) continue;
        const same = there.filter((path) => hasText(path, source.content));
        // A name alone is many files': `index.ts` of another project, say.
        const isTelling = length > 1 || length === whole || same.length > 0;
        const path = found(same.length > 0 ? same : there);
        if (path === undefined || !isTelling) return undefined;
        this.#known.set(source.path.slice(0, -end.length), path.slice(0, -end.length));
        return path;
      }
    }
    return undefined;
  }

  /** The script's folder and those above it, each with the folders in it. */
  #foldersAbove(): string[][] {
    const levels: string[][] = [];
    let folder = dirname(this.#scriptPath);
    while (folder === this.#root || pathBelow(this.#root, folder) !== undefined) {
      levels.push([folder, ...foldersIn(folder)]);
      folder = dirname(folder);
    }
    return levels;
  }
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name));
    return folders.slice(0, MAX_SUBFOLDERS).map(({ name }) => join(folder, name));
  } catch {
    return []; // unreadable: nothing there for us
  }
}

/** The one there is. */
function found(paths: readonly string[]): string | undefined {
  const [path, ...others] = paths;
  return path !== undefined && others.length === 0 && isFile(path) ? path : undefined;
}

function hasText(path: string, text: string | undefined): boolean {
  return text !== undefined && readTextFile(path, MAX_COMPARED_BYTES) === text;
}
