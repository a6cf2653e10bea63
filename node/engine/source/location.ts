/**
 * Turns what a person types for a place in the source (`src/app.ts:10`, `C:\x\y.ts:3`, `pkg/lib/x.js:12:5`) into a
 * source file and a position. Files here are preferred; then what the targets have loaded; a path that is in neither
 * is taken as written, since it may exist on another member's machine.
 */

import { dirname, isAbsolute, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandboxError } from '#shared/errors.ts';
import { formatSourceFile, type Position, type SourceFile, sourceFileSchema } from '#shared/model/source-file.ts';
import { NODE_PACKAGE } from './file-names.ts';
import { isFile, pathBelow, realPathOrSame } from './local-files.ts';
import type { FileNames, Project } from './project.ts';

export interface TypedLocation {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number | undefined;
}

export interface ResolvedLocation extends Position {
  readonly file: SourceFile;
  /** `disk`: exists here. `loaded`: some target has it. `nowhere`: as typed, perhaps on another machine. */
  readonly found: 'disk' | 'loaded' | 'nowhere';
}

export interface LocationContext {
  /** Folder it was typed in. */
  readonly folder: string | undefined;
  /** Both absent for a member without a checkout. */
  readonly project: Project | undefined;
  readonly names: FileNames | undefined;
  /** What the targets have loaded (ScriptRegistry.list), in order of preference. */
  readonly loaded: readonly SourceFile[];
}

const MAX_LINE = 10_000_000;
const MAX_SHOWN_CHOICES = 4;
const EXAMPLE = 'Write it as file:line or file:line:column, for example src/app.ts:10.';

/** @throws {SandboxError} BAD_ARGUMENT */
export function parseLocation(text: string): TypedLocation {
  const plain = text.trim().replace(/^(["'])(.*)\1$/, '$2');
  const match = /^(.*?)(?::(\d+))?:(\d+)$/s.exec(plain);
  // `C:3` aside, a drive letter's colon is followed by a slash and never by digits alone.
  if (match === null) throw badLocation(text, 'it has no line number');
  const [, path = '', first, last = ''] = match;
  if (path === '') throw badLocation(text, 'it names no file');
  if (/\p{Cc}/u.test(path)) throw badLocation(text, 'its path has control characters');
  const line = parseNumber(text, 'line', first ?? last);
  return { path, line, column: first === undefined ? undefined : parseNumber(text, 'column', last) };
}

/**
 * @throws {SandboxError} BAD_ARGUMENT when it cannot be read, lies outside the project, is a folder, or fits several
 * loaded files
 */
export function resolveLocation(text: string, context: LocationContext): ResolvedLocation {
  const typed = parseLocation(text);
  const position = { line: typed.line, ...(typed.column === undefined ? {} : { column: typed.column }) };
  const path = fromUrl(text, typed.path);
  const named = namedInPackage(path);
  if (named !== undefined) return { file: named, ...position, found: isLoaded(named, context) ? 'loaded' : 'nowhere' };

  // Without a bound project what lies here says nothing about what the targets run.
  const local = context.project === undefined ? undefined : findOnDisk(path, context);
  if (local !== undefined) return { file: nameLocal(text, local, context), ...position, found: 'disk' };

  const asTyped = isAbsolute(path) || /^[A-Za-z]:[\\/]/.test(path) ? absoluteInside(path, context) : toPosix(path);
  const loaded = asTyped === undefined ? undefined : findLoaded(text, asTyped, context);
  if (loaded !== undefined) return { file: loaded, ...position, found: 'loaded' };

  const file = { path: fromRoot(asTyped ?? toPosix(path), path, context) };
  if (!sourceFileSchema.safeParse(file).success) {
    throw badLocation(
      text,
      'there is no such file in the project',
      'Check the path, or run it from the project folder.',
    );
  }
  return { file, ...position, found: 'nowhere' };
}

function parseNumber(text: string, what: string, digits: string): number {
  const value = Number(digits);
  if (value < 1) throw badLocation(text, `${what}s count from 1`);
  if (value > MAX_LINE) throw badLocation(text, `${what} ${digits} is beyond ${MAX_LINE}`);
  return value;
}

function fromUrl(text: string, path: string): string {
  if (!/^file:/i.test(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (cause) {
    throw badLocation(text, 'its file URL names no local file', EXAMPLE, cause);
  }
}

/** `node:fs`, `name@version/path` and `@scope/name@version/path`: complete names, as listings print them. */
function namedInPackage(path: string): SourceFile | undefined {
  if (path.startsWith('node:')) return { package: NODE_PACKAGE, path: path.slice('node:'.length) };
  const match = /^((?:@[^@/\\\s]+\/)?[^@/\\\s]+@\d[^/\\\s]*)\/(.+)$/.exec(path);
  const file = match === null ? undefined : { package: match[1] ?? '', path: posix.normalize(match[2] ?? '') };
  return sourceFileSchema.safeParse(file).success ? file : undefined;
}

/** As typed from the folder, then from the root, then as `package/path` in the node_modules of both and above. */
function findOnDisk(path: string, { folder, project }: LocationContext): string | undefined {
  if (isAbsolute(path)) return existingFile(path);
  const bases = [folder, project?.root].filter((base) => base !== undefined);
  const direct = bases.map((base) => existingFile(join(base, path))).find((found) => found !== undefined);
  if (direct !== undefined || /^\.\.?[\\/]/.test(path)) return direct;
  const modules = bases.flatMap((base) => [...ancestors(base)]).map((base) => join(base, 'node_modules', path));
  return modules.map(existingFile).find((found) => found !== undefined);
}

function nameLocal(text: string, path: string, { names, project }: LocationContext): SourceFile {
  const file = names?.toSourceFile(path);
  if (file !== undefined) return file;
  throw badLocation(text, `it lies outside the project "${project?.name}"`, `The project is in "${project?.root}".`);
}

/** Posix path below the root for an absolute one that does not exist here. */
function absoluteInside(path: string, { project }: LocationContext): string | undefined {
  if (project === undefined) return undefined;
  return pathBelow(project.root, path);
}

function findLoaded(text: string, path: string, context: LocationContext): SourceFile | undefined {
  const wanted = path.replace(/^(?:\.\.?\/)+/, '').replace(/^(?:.*\/)?node_modules\//, '');
  const inFolder = fromRoot(path, path, context);
  const exact = context.loaded.find((file) => file.package === undefined && file.path === inFolder);
  if (exact !== undefined) return exact;
  const fitting = context.loaded.filter((file) => endsWithPath(withoutVersion(file), wanted));
  // The project's own files win over a package's of the same name.
  const own = fitting.filter((file) => file.package === undefined);
  const choices = own.length > 0 ? own : fitting;
  if (choices.length > 1) {
    const shown = choices.slice(0, MAX_SHOWN_CHOICES).map(formatSourceFile).join(', ');
    const more = choices.length > MAX_SHOWN_CHOICES ? ', …' : '';
    throw badLocation(text, `it fits ${choices.length} loaded files: ${shown}${more}`, 'Write more of the path.');
  }
  return choices[0];
}

/** A relative path typed in a subfolder of the project, seen from its root. */
function fromRoot(path: string, typed: string, { folder, project }: LocationContext): string {
  if (folder === undefined || project === undefined || isAbsolute(typed)) return posix.normalize(path);
  const below = pathBelow(project.root, realPathOrSame(folder));
  // Typed at the root, or outside the project: taken from the root. So is `src/app.ts` typed inside `src`.
  if (below === undefined || path.startsWith(`${below}/`)) return posix.normalize(path);
  return posix.join(below, path);
}

function isLoaded(file: SourceFile, { loaded }: LocationContext): boolean {
  return loaded.some((other) => other.path === file.path && other.package === file.package);
}

function withoutVersion(file: SourceFile): string {
  return file.package === undefined ? file.path : `${file.package.replace(/(.)@.*$/, '$1')}/${file.path}`;
}

function endsWithPath(path: string, end: string): boolean {
  return path === end || path.endsWith(`/${end}`);
}

function existingFile(path: string): string | undefined {
  return isFile(path) ? realPathOrSame(path) : undefined;
}

function* ancestors(folder: string): Generator<string> {
  yield folder;
  const parent = dirname(folder);
  if (parent !== folder) yield* ancestors(parent);
}

function toPosix(path: string): string {
  return path.replace(/^[A-Za-z]:/, '').replaceAll('\\', '/');
}

function badLocation(text: string, why: string, hint = EXAMPLE, cause?: unknown): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot use the location "${text}": ${why}`, { hint, cause });
}
