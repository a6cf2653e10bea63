/**
 * Which file of this machine a program's file is, and back: by what the sandbox calls it (path from the project's root,
 * or package and path), by its hash, and by the folders a person mapped. What lies here in another version, or not at
 * all, is shown as the host has it.
 */

import { basename, isAbsolute, join, posix, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { BoundedCache } from '#shared/bounded-cache.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ContentHash } from '#shared/ids.ts';
import { formatSourceFile, type SourceFile, sourceFileSchema } from '#shared/model/source-file.ts';
import type { Target } from '#shared/model/target.ts';
import { isHashOf } from '../../engine/source/byte-order-mark.ts';
import { createFileNames } from '../../engine/source/file-names.ts';
import { isFile, pathBelow, readTextFile, realPathOrSame } from '../../engine/source/local-files.ts';
import type { FileNames } from '../../engine/source/project.ts';

/** `--map <program's folder>=<folder here>`. */
export interface FolderMapping {
  /** As the program's machine names it, absolute, or from its project's root. */
  readonly theirs: string;
  /** Absolute. */
  readonly ours: string;
}

/** A source as a client names it: by path, or by a number it was given. */
export interface NamedSource {
  readonly path?: string | undefined;
  readonly sourceReference?: number | undefined;
}

/** A text that is shown as the host has it. */
export interface HeldSource {
  readonly file: SourceFile | undefined;
  readonly hash: ContentHash | undefined;
}

export interface SourcePathsOptions {
  /** The sandbox's project as it lies here, if it does; it may be bound later. */
  readonly names: () => FileNames | undefined;
  readonly mappings: readonly FolderMapping[];
  readonly usesUris: boolean;
}

/** Sources without a file here that one session may have named. */
const MAX_HELD = 20_000;
const MAX_COMPARED_BYTES = 16 * 1024 * 1024;

/** @throws {SandboxError} BAD_ARGUMENT */
export function parseMapping(text: string, folder: string): FolderMapping {
  const at = text.lastIndexOf('=');
  const [theirs, ours] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || ours === '') {
    throw new SandboxError('BAD_ARGUMENT', `Cannot map "${text}": it is not <their folder>=<folder here>`, {
      hint: 'For example: --map /app=.',
    });
  }
  return { theirs: posix.normalize(theirs.replaceAll('\\', '/')), ours: resolve(folder, ours) };
}

export class SourcePaths {
  readonly #options: SourcePathsOptions;
  /** Hashes files outside a bound project too. */
  readonly #hashes = createFileNames('/');
  readonly #held = new Map<number, HeldSource>();
  readonly #heldKeys = new Map<string, number>();
  /** By both hashes: whether two files are the same but for a byte order mark. */
  readonly #marked = new BoundedCache<string, boolean>(MAX_HELD);
  #mapped: readonly { prefix: string; ours: string }[];

  constructor(options: SourcePathsOptions) {
    this.#options = options;
    this.#mapped = options.mappings.map(({ theirs, ours }) => ({ prefix: relativeTo(theirs, undefined), ours }));
  }

  /** A mapped folder is absolute at the program's machine: its command line tells where its project lies. */
  placeProgram(target: Pick<Target, 'argv' | 'entry'>): void {
    const root = rootOf(target);
    this.#mapped = this.#options.mappings.map(({ theirs, ours }) => ({ prefix: relativeTo(theirs, root), ours }));
  }

  /** @param hash of the text as shown */
  toSource(file: SourceFile | undefined, hash: ContentHash | undefined): DebugProtocol.Source {
    if (file === undefined) return { name: '(evaluated)', ...(hash && { sourceReference: this.#hold(file, hash) }) };
    const name = basename(file.path);
    const isForeign = file.package !== undefined;
    const hint = isForeign ? { presentationHint: 'deemphasize' as const } : {};
    const local = this.#localPath(file);
    if (local !== undefined && !this.#differs(local, file)) {
      return { name, path: this.#options.usesUris ? pathToFileURL(local).href : local, ...hint };
    }
    const origin = local === undefined ? 'as the program runs it' : 'as the program runs it: your copy differs';
    return { name, path: formatSourceFile(file), sourceReference: this.#hold(file, hash), origin, ...hint };
  }

  /** @throws {SandboxError} SOURCE_UNKNOWN */
  held(reference: number): HeldSource {
    const held = this.#held.get(reference);
    if (held !== undefined) return held;
    throw new SandboxError('SOURCE_UNKNOWN', `Cannot show source ${reference}: this session has not named it`);
  }

  /**
   * The file a client means.
   *
   * @returns a path when nothing here tells which file of the sandbox it is: what the targets have loaded may
   * @throws {SandboxError} SOURCE_UNKNOWN, BAD_ARGUMENT
   */
  toFile(source: NamedSource): SourceFile | string {
    if (source.sourceReference !== undefined && source.sourceReference > 0) {
      const { file } = this.held(source.sourceReference);
      if (file !== undefined) return file;
      throw new SandboxError('SOURCE_UNKNOWN', 'Cannot use a source that is no file: it was evaluated');
    }
    const path = this.#absolute(source.path ?? '');
    const real = realPathOrSame(path);
    for (const { prefix, ours } of this.#mapped) {
      const below = pathBelow(realPathOrSame(ours), real);
      if (below === undefined) continue;
      const sha256 = this.#hashes.hashOf(real);
      const file = { path: posix.join(prefix, below), ...(sha256 === undefined ? {} : { sha256 }) };
      if (sourceFileSchema.safeParse(file).success) return file;
    }
    const known = isFile(real) ? this.#options.names()?.toSourceFile(real) : undefined;
    return known ?? path;
  }

  /** What the sandbox calls a file of the project that need not be there. @param path as {@link toFile} gives it */
  nameOf(path: string): SourceFile | undefined {
    return isAbsolute(path) ? this.#options.names()?.nameOf(realPathOrSame(path)) : undefined;
  }

  #absolute(path: string): string {
    const local = /^file:/i.test(path) ? pathOfUrl(path) : path;
    if (local !== undefined && local !== '' && (isAbsolute(local) || !local.includes('\0'))) return local;
    throw new SandboxError('BAD_ARGUMENT', `Cannot use the path "${path.slice(0, 200)}"`);
  }

  #localPath(file: SourceFile): string | undefined {
    if (file.package === undefined) {
      for (const { prefix, ours } of this.#mapped) {
        const below = prefix === '' ? file.path : pathUnder(prefix, file.path);
        const path = below === undefined ? undefined : join(ours, below);
        if (path !== undefined && isFile(path)) return path;
      }
    }
    return this.#options.names()?.toPath(file);
  }

  #differs(local: string, file: SourceFile): boolean {
    if (file.sha256 === undefined) return false;
    const here = this.#hashes.hashOf(local);
    return here !== undefined && here !== file.sha256 && !this.#differsByMark(local, here, file.sha256);
  }

  /** Whether the file here is the same but for its byte order mark. @param hash of the other */
  #differsByMark(local: string, here: ContentHash, hash: ContentHash): boolean {
    const key = `${here} ${hash}`;
    const known = this.#marked.get(key);
    if (known !== undefined) return known;
    const text = readTextFile(local, MAX_COMPARED_BYTES);
    const isSame = text !== undefined && isHashOf(text, hash);
    this.#marked.set(key, isSame);
    return isSame;
  }

  #hold(file: SourceFile | undefined, hash: ContentHash | undefined): number {
    const key = `${file === undefined ? '' : formatSourceFile(file)} ${hash ?? file?.sha256 ?? ''}`;
    const known = this.#heldKeys.get(key);
    if (known !== undefined) return known;
    if (this.#heldKeys.size >= MAX_HELD) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot name more than ${MAX_HELD} sources in one session`);
    }
    const reference = this.#heldKeys.size + 1;
    this.#heldKeys.set(key, reference);
    this.#held.set(reference, { file, hash });
    return reference;
  }
}

/** @returns undefined for one that names no file of this machine */
function pathOfUrl(url: string): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

/** `/app` of `node /app/server.js` whose entry is `server.js`. */
function rootOf({ argv, entry }: Pick<Target, 'argv' | 'entry'>): string | undefined {
  if (entry === undefined) return undefined;
  const script = argv.find((word) => word.replaceAll('\\', '/').endsWith(`/${entry}`));
  return script?.replaceAll('\\', '/').slice(0, -entry.length - 1);
}

/** @returns '' for the project's root itself, which an absolute folder means where nothing is known of the root */
function relativeTo(theirs: string, root: string | undefined): string {
  const folder = theirs.replace(/\/+$/, '');
  if (!/^(?:\/|[A-Za-z]:)/.test(theirs)) return folder.replace(/^\.\/?/, '');
  if (root === undefined || folder === root) return '';
  return pathUnder(root, folder) ?? '';
}

function pathUnder(folder: string, path: string): string | undefined {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
