/**
 * The disk as the append-only log sees it: one file, written at its end. Behind an interface so that a simulator can
 * lose, tear and rot writes; the real one is node:fs.
 */

import { channel } from 'node:diagnostics_channel';
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { SandboxError } from '#shared/errors.ts';

/** Publishes how many milliseconds each group's fdatasync took: for metrics. */
export const FSYNC_CHANNEL = channel('sandmesh:fsync');

export interface LogFile {
  /** Bytes written so far, synced or not. */
  readonly size: number;
  /** @returns fewer bytes than asked for only at the end of the file */
  read(position: number, length: number): Uint8Array;
  /**
   * Hands the bytes to the system: they survive the death of this process, not a power cut.
   *
   * @throws {SandboxError} HOME_UNWRITABLE when there is no room: then nothing of them is in the file
   */
  append(bytes: Uint8Array): void;
  /** Everything appended before the call is durable when it resolves (fdatasync). */
  sync(): Promise<void>;
  truncate(size: number): void;
  close(): void;
}

/**
 * Opens or creates a log file, 0600.
 *
 * @throws {SandboxError} HOME_UNWRITABLE
 */
export function openLogFile(path: string): LogFile {
  let fd: number;
  try {
    fd = openSync(path, 'a+', 0o600);
  } catch (cause) {
    throw unopened(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  // A pipe or a device has no size and no place to read at.
  if (fstatSync(fd).isFile()) return new NodeLogFile(fd);
  closeSync(fd);
  throw unopened(path, 'it is no file');
}

function unopened(path: string, why: string, cause?: unknown): SandboxError {
  return new SandboxError('HOME_UNWRITABLE', `Cannot open the log "${path}": ${why}`, {
    hint: 'Check that the folder exists and belongs to you, or set SANDMESH_HOME.',
    cause,
  });
}

class NodeLogFile implements LogFile {
  readonly #fd: number;
  #size: number;
  #open = true;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  get size(): number {
    return this.#size;
  }

  read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - position)));
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(this.#fd, bytes, filled, bytes.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled === bytes.length ? bytes : bytes.subarray(0, filled);
  }

  append(bytes: Uint8Array): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch (cause) {
      // A part of a record may lie there now: a reader would cut there, and so must we.
      if (written > 0) ftruncateSync(this.#fd, this.#size);
      throw new SandboxError('HOME_UNWRITABLE', `Cannot write ${bytes.length} bytes to the log`, {
        hint: 'Free some space on the disk, and try again.',
        cause,
      });
    }
    this.#size += bytes.length;
  }

  sync(): Promise<void> {
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        if (FSYNC_CHANNEL.hasSubscribers) FSYNC_CHANNEL.publish(performance.now() - startedAt);
        if (error === null) resolve();
        else reject(new SandboxError('HOME_UNWRITABLE', 'Cannot make the log durable', { cause: error }));
      });
    });
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
    this.#size = size;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}
