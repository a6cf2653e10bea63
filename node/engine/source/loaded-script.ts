/** One script of a target and the source files it stands for. */

import type { ContentHash } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';

export interface LoadedScript {
  readonly id: string;
  readonly url: string;
  /** Absolute local path; undefined for Node's own modules and code without a file. */
  readonly path: string | undefined;
  /** Name of the script as it runs, before its map is looked at. */
  readonly own: SourceFile | undefined;
  readonly internal: boolean;
  readonly mapUrl: string | undefined;
  /** SHA-256 of the running text, told by V8 since Node 20; undefined from older ones. */
  readonly hash: ContentHash | undefined;
  /** UTF-16 units. */
  readonly length: number;
  /** Where the text begins: not 0 for code compiled with an offset. */
  readonly startLine: number;
  readonly startColumn: number;
  /** Epoch ms at which it was heard of: not before it was loaded. */
  readonly heardAt: number;
}

/** A source file inside a script: an original that its map names, or the script itself. */
export interface ScriptSource {
  readonly script: LoadedScript;
  readonly file: SourceFile;
  /** Index in the script's map; undefined for the script as it runs. */
  readonly index: number | undefined;
  readonly path: string | undefined;
  /** Text that the map carries. */
  readonly content: string | undefined;
}

/** Key for maps: two sources with one key are the same file by name. */
export function fileKey(file: SourceFile): string {
  return `${file.package ?? ''}\0${file.path}`;
}
