/**
 * What can be read of a git repository without running git: its toplevel, its git folder (worktrees and submodules
 * included), its origin, whether it is shallow. Only the root commit needs git itself, since history lives in packs.
 */

import { execFile } from 'node:child_process';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFile, isFolder, readTextFile } from './local-files.ts';

export interface GitFolder {
  /** Working tree root; the repository itself when it is bare. */
  readonly toplevel: string;
  readonly gitDir: string;
  /** Shared by all worktrees of one repository. */
  readonly commonDir: string;
}

/** HEAD, links and configuration are a few lines; anything larger is something else. */
const MAX_SMALL_FILE_BYTES = 1024 * 1024;
const ROOT_COMMIT_TIMEOUT_MS = 10_000;
const OBJECT_ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** @returns undefined when `folder` is no toplevel; a damaged or unreadable `.git` counts as none */
export function openGitFolder(folder: string): GitFolder | undefined {
  const dotGit = join(folder, '.git');
  const gitDir = isFolder(dotGit) ? dotGit : (readGitLink(dotGit) ?? folder);
  const commonDir = commonDirOf(gitDir);
  if (!isRepository(gitDir, commonDir)) return undefined;
  return { toplevel: folder, gitDir, commonDir };
}

function readGitLink(dotGit: string): string | undefined {
  const target = /^gitdir: (.+?)\s*$/m.exec(readTextFile(dotGit, MAX_SMALL_FILE_BYTES) ?? '')?.[1];
  return target === undefined ? undefined : resolve(dirname(dotGit), target);
}

function commonDirOf(gitDir: string): string {
  const link = readTextFile(join(gitDir, 'commondir'), MAX_SMALL_FILE_BYTES)?.trim();
  return link === undefined || link === '' ? gitDir : resolve(gitDir, link);
}

function isRepository(gitDir: string, commonDir: string): boolean {
  return isFile(join(gitDir, 'HEAD')) && isFolder(join(commonDir, 'objects')) && isFolder(join(commonDir, 'refs'));
}

/** A shallow clone's oldest commit is not the project's first. */
export function isShallow(git: GitFolder): boolean {
  return isFile(join(git.commonDir, 'shallow'));
}

/** `remote.origin.url` as written in the repository's own configuration. */
export function readOrigin(git: GitFolder): string | undefined {
  let inOrigin = false;
  for (const line of (readTextFile(join(git.commonDir, 'config'), MAX_SMALL_FILE_BYTES) ?? '').split(/\r?\n/)) {
    const section = /^\s*\[(.+)\]\s*$/.exec(line)?.[1];
    if (section !== undefined) {
      inOrigin = /^remote\s+"origin"$/i.test(section);
    } else if (inOrigin) {
      const url = /^\s*url\s*=\s*(.*?)\s*$/i.exec(line)?.[1];
      if (url !== undefined && url !== '') return url.replace(/^"(.*)"$/, '$1');
    }
  }
  return undefined;
}

/** Folder of an origin on this machine; undefined for addresses on the network. */
export function originFolder(git: GitFolder, origin: string): string | undefined {
  if (origin.startsWith('file://')) {
    try {
      return fileURLToPath(origin);
    } catch {
      return undefined; // file://other-host/…: not on this machine
    }
  }
  if (isAbsolute(origin)) return origin;
  return /^\.\.?[\\/]/.test(origin) ? resolve(git.toplevel, origin) : undefined;
}

/**
 * One spelling for the many addresses of one repository: no scheme, user, password, port or `.git`, lower case.
 * `git@github.com:Acme/Shop.git` and `https://token@github.com/acme/shop` both give `github.com/acme/shop`.
 */
export function normalizeOrigin(origin: string): string | undefined {
  const scp = /^(?:[^/@:]+@)?([^/:@]{2,}):(?!\/\/)(.+)$/.exec(origin);
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/i.exec(origin);
  const found = url ?? scp;
  if (found === null) return undefined;
  const path = (found[2] ?? '')
    .replace(/^\/+/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/i, '');
  return path === '' ? undefined : `${found[1]}/${path}`.toLowerCase();
}

/**
 * The commit that the history of HEAD starts from, along first parents (so a merged-in foreign history changes
 * nothing). Nothing is fetched.
 *
 * @returns undefined without commits, without git, for a shallow clone, or when git refuses (another user's repository)
 */
export async function readRootCommit(git: GitFolder): Promise<string | undefined> {
  if (isShallow(git)) return undefined;
  const output = await runGit([
    `--git-dir=${git.gitDir}`,
    'rev-list',
    '--max-parents=0',
    '--first-parent',
    'HEAD',
    '--',
  ]);
  const id = output?.trim().split('\n')[0] ?? '';
  return OBJECT_ID.test(id) ? id : undefined;
}

function runGit(args: readonly string[]): Promise<string | undefined> {
  // A daemon started from a git hook has GIT_DIR and friends set, which would answer for the wrong repository.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const env = {
    ...Object.fromEntries(inherited),
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_TERMINAL_PROMPT: '0',
  };
  return new Promise((done) => {
    execFile('git', args, { env, timeout: ROOT_COMMIT_TIMEOUT_MS, windowsHide: true }, (error, stdout) => {
      // No git, no commit yet, or a repository git will not touch: the caller identifies the project otherwise.
      done(error === null ? stdout : undefined);
    });
  });
}
