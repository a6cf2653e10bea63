/** The home's paths for this process, and folders made private. */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { type HomePaths, homePaths } from '#protocol/home-paths.ts';
import { SandboxError } from '#shared/errors.ts';

/** @throws {SandboxError} CONFIG_INVALID */
export function currentHome(env: Readonly<Record<string, string | undefined>>): HomePaths {
  return homePaths({ env, platform: process.platform, homedir: homedir() });
}

/**
 * Creates the folders a daemon needs before it can write its log.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export function createHome(paths: HomePaths): void {
  for (const folder of [paths.dataDir, paths.runDir]) {
    try {
      makeFolder(folder);
    } catch (cause) {
      throw new SandboxError('HOME_UNWRITABLE', `Cannot create "${folder}": ${reasonOf(cause)}`, {
        hint: 'Make it writable, or point SANDMESH_HOME at a folder that is.',
        cause,
      });
    }
  }
}

/** Not by `recursive`: on Node 20 that never returns where the system answers ENOENT below a folder, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder) && statSync(folder).isDirectory()) return;
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // The daemon may have been first.
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}

/** A system error in a few plain words. */
export function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'ENOENT') return 'the system takes no folders there';
  if (code === 'EROFS') return 'the file system is read-only';
  if (code === 'ENOSPC') return 'the disk is full';
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'something that is no folder is in the way';
  return cause instanceof Error ? cause.message : String(cause);
}
