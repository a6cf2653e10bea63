/** The project a sandbox is bound to on this machine: its identity and how its files are named. */

import type { SourceFile } from '#shared/model/source-file.ts';

export interface Project {
  /** Same for every clone and every symlink of one project; hex SHA-256 (see ARCHITECTURE.md, Project identity). */
  readonly id: string;
  readonly name: string;
  /** Absolute real path of the project (or workspace) root. */
  readonly root: string;
}

/** Names files of one project for other machines, and finds them here. */
export interface FileNames {
  /** @param absolute real path of a file; undefined when it lies neither in the project nor in a package */
  toSourceFile(absolute: string): SourceFile | undefined;
  /** Absolute path of the local copy, if there is one under the root. */
  toPath(file: SourceFile): string | undefined;
}
