/**
 * Files with secrets: keys and tokens. One that others could read or swap is refused rather than used, and two
 * processes that make one at the same time agree on its contents.
 */

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { makeFolder } from './make-folder.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/**
 * Reads a secret file.
 *
 * @returns undefined when there is none
 * @throws {SandboxError} BAD_KEY when it is a link, readable or replaceable by others, not ours or larger than
 * `maxBytes`; HOME_UNWRITABLE when it can't be read
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    // O_NOFOLLOW: what is checked below is what was opened, not what a link points at.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'EMLINK') throw badFile(path, 'it is a symbolic link', `Remove it: rm ${path}`);
    throw unwritableFile(path, cause);
  }
  try {
    await checkFile(file, path, maxBytes);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Makes a secret file, 0600 in a 0700 folder, unless there is one already: then that one stays.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export async function createPrivateFile(path: string, contents: string | Buffer): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.draft-${randomBytes(8).toString('hex')}`);
  try {
    makeFolder(folder);
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    // link() refuses an existing name, rename() would replace the file of whoever was first.
    await link(draft, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
    await unlink(draft);
  } catch (cause) {
    // It may hold the secret: nobody looks for it there.
    await rm(draft, { force: true }).catch(() => undefined);
    throw unwritableFile(path, cause);
  }
}

async function checkFile(file: FileHandle, path: string, maxBytes: number): Promise<void> {
  const stats = await file.stat();
  if (!stats.isFile()) throw badFile(path, 'it is not a regular file', 'Move it away; a new one is made.');
  if (stats.size > maxBytes) throw badFile(path, `it has ${stats.size} bytes`, 'Restore it from a backup.');
  // Windows has no such modes: there the profile folder's own access list guards the file.
  if (process.platform === 'win32') return;
  if (stats.uid !== process.getuid?.()) throw badFile(path, 'it belongs to another user', `Run: chown $USER ${path}`);
  if ((stats.mode & OTHERS) !== 0) {
    throw badFile(
      path,
      `other users may read it (mode ${modeText(stats.mode)})`,
      `If nobody did, run: chmod 600 ${path}`,
    );
  }
  const folder = dirname(path);
  // Through a link: on Linux the mode of a link itself is always 777.
  const folderMode = (await stat(folder)).mode;
  if ((folderMode & OTHERS_WRITE) !== 0) {
    throw badFile(path, `other users may replace it (folder mode ${modeText(folderMode)})`, `Run: chmod 700 ${folder}`);
  }
}

function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0');
}

export function badFile(path: string, why: string, hint: string): SandboxError {
  return new SandboxError('BAD_KEY', `Cannot use the key file "${path}": ${why}`, { hint });
}

export function unwritableFile(path: string, cause: unknown): SandboxError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SandboxError('HOME_UNWRITABLE', `Cannot read or make the key file "${path}": ${why}`, {
    hint: 'Set SANDMESH_HOME to a folder you can write to.',
    cause,
  });
}
