/** The project a sandbox is bound to on this machine: its identity and how its files are named. */

import type { ContentHash } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';

export interface Project {
  /** Same for every clone and every symlink of one project; hex SHA-256 (see project-identity.ts). */
  readonly id: string;
  readonly name: string;
  /** Absolute real path of the project (or workspace) root. */
  readonly root: string;
  /**
   * Hex SHA-256 over the origin's address and the package name, if there is an origin: equal between a full and a
   * shallow clone, whose ids differ. Compare with `isSameProject`.
   */
  readonly originId?: string;
  /**
   * What ties this very folder to ids it had before (before its first commit, under another package name). They mean
   * nothing for another folder.
   */
  readonly formerIds?: readonly string[];
}

/** Names files of one project for other machines, and finds them here. */
export interface FileNames {
  /**
   * Name and, for files up to 16 MB, hash of the bytes now on disk.
   *
   * @param absolute real path of a file; undefined when it lies neither in the project nor in a package
   */
  toSourceFile(absolute: string): SourceFile | undefined;
  /** The name alone: the file is neither read nor need it exist. */
  nameOf(absolute: string): SourceFile | undefined;
  /** Hash of the bytes now on disk, cached by time and size; undefined when unreadable or over 16 MB. */
  hashOf(absolute: string): ContentHash | undefined;
  /** Absolute path of the local copy, if there is one under the root. */
  toPath(file: SourceFile): string | undefined;
}
