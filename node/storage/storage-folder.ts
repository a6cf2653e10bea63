/**
 * The disk as a sandbox's storage sees it: one folder of append-only files. Behind an interface, like `log-file.ts`,
 * so that a simulator can lose what was not synced; the real one is node:fs.
 */

import { closeSync, fsync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { placeOf } from './folder-place.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import { makeFolder } from './make-folder.ts';

export interface StorageFolder {
  /** Opens a file for reading and appending; makes an empty one where there is none. */
  open(name: string): LogFile;
  /** Bytes; undefined where there is no such file. */
  size(name: string): number | undefined;
  /** Names of its files, in no order. */
  list(): readonly string[];
  /** The file takes the place of whatever had the new name; {@link sync} makes that durable. */
  rename(from: string, to: string): void;
  /** A missing file is fine. */
  remove(name: string): void;
  /** What was made, renamed and removed before the call is durable when it resolves. */
  sync(): Promise<void>;
  /** Where it stands, see `folder-place.ts`. */
  place(): string;
  /** A folder inside; made when something is put there. */
  folder(name: string): StorageFolder;
}

/** A folder on the real disk, 0700. */
export class NodeStorageFolder implements StorageFolder {
  #path: () => string;

  /** @param path absolute */
  constructor(path: string | (() => string)) {
    this.#path = typeof path === 'string' ? () => path : path;
  }

  /** It was renamed; open files stay open. */
  movedTo(path: string): void {
    this.#path = () => path;
  }

  open(name: string): LogFile {
    makeFolder(this.#path());
    return openLogFile(this.#file(name));
  }

  size(name: string): number | undefined {
    return statSync(this.#file(name), { throwIfNoEntry: false })?.size;
  }

  list(): readonly string[] {
    try {
      const entries = readdirSync(this.#path(), { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw this.#failed('read', error);
    }
  }

  rename(from: string, to: string): void {
    try {
      renameSync(this.#file(from), this.#file(to));
    } catch (error) {
      throw this.#failed(`rename "${from}" in`, error);
    }
  }

  remove(name: string): void {
    rmSync(this.#file(name), { force: true });
  }

  sync(): Promise<void> {
    // Windows has no way to say so.
    if (process.platform === 'win32') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const descriptor = openSync(this.#path(), 'r');
      fsync(descriptor, (error) => {
        closeSync(descriptor);
        if (error === null) resolve();
        else reject(this.#failed('sync', error));
      });
    });
  }

  place(): string {
    return placeOf(this.#path());
  }

  folder(name: string): StorageFolder {
    return new NodeStorageFolder(() => join(this.#path(), name));
  }

  #file(name: string): string {
    return join(this.#path(), name);
  }

  #failed(what: string, cause: unknown): SandboxError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new SandboxError('HOME_UNWRITABLE', `Cannot ${what} "${this.#path()}": ${reason}`, {
      hint: 'Check that the folder exists, belongs to you and has free space.',
      cause,
    });
  }
}
