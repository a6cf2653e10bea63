/**
 * A Unix socket's file, which outlives whoever made it and may be replaced by the next. It is made beside its place and
 * moved there whole, so that nobody meets one with the wrong mode, and so that closing it never removes another's:
 * Node unlinks the path it listened on, whatever lies there by then.
 */

import { chmodSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { makeFolder } from './make-folder.ts';

export class SocketFile {
  readonly #path: string;
  readonly #inode: bigint;

  private constructor(path: string) {
    this.#path = path;
    this.#inode = inodeOf(path) ?? -1n;
  }

  /**
   * Listens on `path` (on Windows a named pipe, which is no file), mode 0600, in its folder, which is made;
   * what lies there is replaced.
   *
   * @throws {SandboxError} HOME_UNWRITABLE; the server is closed then
   */
  static async listen(server: Server, path: string): Promise<SocketFile> {
    const isFile = process.platform !== 'win32';
    // Not longer than the name it stands for: the system takes only so many bytes.
    const draft = isFile ? join(dirname(path), `.${basename(path)[0]}${process.pid.toString(36)}`) : path;
    try {
      if (isFile) makeFolder(dirname(path));
      if (isFile) rmSync(draft, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(draft, () => {
          server.off('error', reject);
          resolve();
        });
      });
      if (isFile) {
        // The folder is 0700 already; the mode guards a home on a file system that ignores it.
        chmodSync(draft, 0o600);
        renameSync(draft, path);
      }
      return new SocketFile(path);
    } catch (cause) {
      server.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxError('HOME_UNWRITABLE', `Cannot listen on "${path}": ${reason}`, {
        hint: 'Make its folder writable, or set SANDMESH_HOME to another.',
        cause,
      });
    }
  }

  /** False once somebody removed or replaced it: then nobody can reach us by it any more. */
  isInPlace(): boolean {
    return process.platform === 'win32' || inodeOf(this.#path) === this.#inode;
  }

  /** Removes it, unless it is another's by now. Safe to call twice. */
  remove(): void {
    try {
      if (process.platform !== 'win32' && this.isInPlace()) rmSync(this.#path, { force: true });
    } catch {
      // The home became read-only: whoever knocks finds nobody, and the next to listen takes its place.
    }
  }
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
