/** A folder that is gone after the test, and short ways to fill it. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** @param body gets the folder's real path */
export async function withFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = realpathSync.native(mkdtempSync(join(tmpdir(), 'sandmesh-source-')));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes files below a folder, by posix path; objects become JSON. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | object>>): void {
  for (const [path, contents] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof contents === 'string' ? contents : JSON.stringify(contents));
  }
}

/** Runs git without the user's own configuration. */
export function git(folder: string, ...args: readonly string[]): string {
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main'];
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const options = ['-c', 'protocol.file.allow=always', ...identity];
  return execFileSync('git', [...options, ...args], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' });
}

/** A repository with one commit of everything in it. */
export function commitAll(folder: string, message: string): void {
  git(folder, 'init', '-q');
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '--allow-empty', '-m', message);
}
