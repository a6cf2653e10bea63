/**
 * Finds the project a folder belongs to. Decided:
 * - Root: the nearest git toplevel; without git the nearest workspace root (pnpm, npm, yarn), else the nearest
 *   package.json, else the folder. The home folder and `/` are never a project on account of a stray `.git` or
 *   package.json there, since everything below would become one project.
 * - Id: with history, hash(first commit along first parents, package name): equal for every clone, worktree, symlink and
 *   subfolder; the name keeps apart services cloned from one template. Without history (shallow clone, no git
 *   program, no commit), hash(origin or package.json `repository`, package name); without an address, hash(package name, path).
 * - `originId` bridges a full and a shallow clone; `formerIds` let a folder keep its sandbox over its first commit.
 */

import { createHash } from 'node:crypto';
import { readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, parse } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import {
  type GitFolder,
  normalizeOrigin,
  openGitFolder,
  originFolder,
  readOrigin,
  readRootCommit,
} from './git-folder.ts';
import { realPathOrSame, statsOf } from './local-files.ts';
import { type PackageManifest, readManifest, workspaceRootAbove } from './package-manifest.ts';
import type { Project } from './project.ts';

/** A local clone of a local clone of …: how far origins are followed to find the first commit. */
const MAX_ORIGIN_HOPS = 3;
const MAX_NAME_LENGTH = 64;

/** Reading a root commit runs git; a repository keeps its own for life. Keyed by path and inode: paths are reused. */
const rootCommits = new Map<string, string>();

/**
 * @param folder any folder in the project; relative ones are taken from the process's own
 * @param options `home`: never a project root for what lies below it; the user's by default
 * @throws {SandboxError} BAD_ARGUMENT when the folder is missing, unreadable or no folder
 */
export async function findProject(folder: string, options: { home?: string } = {}): Promise<Project> {
  const start = openFolder(folder);
  const tooWide = new Set([parse(start).root, realPathOrSame(options.home ?? homedir())]);
  const git = findGit(start, tooWide);
  const root = git?.toplevel ?? rootWithoutGit(start, tooWide);
  const manifest = readManifest(root);
  const packageName = manifest?.name ?? '';
  const origin = git === undefined ? undefined : readOrigin(git);
  const address = normalizeOrigin(origin ?? manifest?.repository ?? '');
  const commit = git === undefined ? undefined : await findRootCommit(git, origin, MAX_ORIGIN_HOPS);

  const originId = address === undefined ? undefined : hashId('origin', address, packageName);
  const folderId = hashId('folder', packageName, root);
  const historyId = commit === undefined ? undefined : hashId('history', commit, packageName);
  const formerIds = [folderId, originId, commit === undefined ? undefined : hashId('history', commit)];
  return {
    id: historyId ?? originId ?? folderId,
    name: projectName(manifest, address, git, root),
    root,
    ...(originId === undefined ? {} : { originId }),
    formerIds: formerIds.filter((id) => id !== undefined),
  };
}

/** Whether two descriptions, perhaps from two machines, are of one project. */
export function isSameProject(a: Pick<Project, 'id' | 'originId'>, b: Pick<Project, 'id' | 'originId'>): boolean {
  return a.id === b.id || (a.originId !== undefined && a.originId === b.originId);
}

function openFolder(folder: string): string {
  try {
    const real = realpathSync.native(folder);
    readdirSync(real);
    return real;
  } catch (cause) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot use the folder "${folder}": ${reasonOf(cause)}`, {
      hint: 'Name an existing folder that you may read.',
      cause,
    });
  }
}

function reasonOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'ENOTDIR') return 'it is not a folder';
  if (code === 'EACCES' || code === 'EPERM') return 'you may not read it';
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function findGit(start: string, tooWide: ReadonlySet<string>): GitFolder | undefined {
  for (const folder of upwards(start)) {
    if (folder !== start && tooWide.has(folder)) return undefined;
    const git = openGitFolder(folder);
    if (git !== undefined) return git;
  }
  return undefined;
}

function rootWithoutGit(start: string, tooWide: ReadonlySet<string>): string {
  const candidates = [...upwards(start)].filter((folder) => folder === start || !tooWide.has(folder));
  const nearest = candidates.find((folder) => readManifest(folder) !== undefined);
  return workspaceRootAbove(nearest ?? start, candidates) ?? nearest ?? start;
}

function* upwards(start: string): Generator<string> {
  let folder = start;
  for (;;) {
    yield folder;
    const parent = dirname(folder);
    if (parent === folder) return;
    folder = parent;
  }
}

async function findRootCommit(git: GitFolder, origin: string | undefined, hops: number): Promise<string | undefined> {
  const stats = statsOf(git.commonDir);
  const key = `${git.commonDir}:${stats?.ino}:${stats?.birthtimeMs}`;
  const known = rootCommits.get(key);
  if (known !== undefined) return known;
  const own = await readRootCommit(git);
  if (own !== undefined) {
    rootCommits.set(key, own);
    return own;
  }
  // A shallow clone of a folder on this machine: the original knows.
  const folder = origin === undefined || hops === 0 ? undefined : originFolder(git, origin);
  const source = folder === undefined ? undefined : openGitFolder(folder);
  return source === undefined ? undefined : findRootCommit(source, readOrigin(source), hops - 1);
}

function projectName(
  manifest: PackageManifest | undefined,
  address: string | undefined,
  git: GitFolder | undefined,
  root: string,
): string {
  const repository = git !== undefined && basename(git.commonDir) === '.git' ? dirname(git.commonDir) : root;
  const name = manifest?.name ?? address?.split('/').at(-1) ?? basename(repository);
  // A package's name is somebody's text and ends up in terminals.
  const plain = name.replace(/[\p{Cc}\p{Cf}]/gu, '').slice(0, MAX_NAME_LENGTH);
  return plain === '' ? 'project' : plain;
}

function hashId(kind: string, ...parts: readonly string[]): string {
  return createHash('sha256')
    .update(['sandmesh/project/1', kind, ...parts].join('\0'))
    .digest('hex');
}
