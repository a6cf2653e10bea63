/**
 * The scripts one target has loaded, seen as source files: which file a script is on any member's machine, how
 * positions map through source maps, and the text people read. One registry per target process.
 */

import type { Protocol } from 'devtools-protocol';
import type { ContentHash } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';

/** 0-based, as CDP counts. */
export interface GeneratedPosition {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** 1-based, as people count. */
export interface SourceLocation {
  /** Absent for code without a file (eval). */
  readonly file: SourceFile | undefined;
  readonly line: number;
  readonly column: number;
  readonly source: ContentHash | undefined;
  readonly internal: boolean;
}

export interface SourceText {
  readonly file: SourceFile;
  readonly text: string;
  readonly source: ContentHash;
}

/** Where a breakpoint may be tried. */
export interface BreakpointCandidate extends GeneratedPosition {
  /** Line of the file that it stands for, 1-based: a later one than was wanted where that has no code. */
  readonly line: number;
}

export interface ScriptRegistry {
  /** Feed every `Debugger.scriptParsed`. Cheap: maps and texts are read when first needed. */
  add(script: Protocol.Debugger.ScriptParsedEvent): void;
  /** Source files the script consists of: itself, or what its source map names. */
  filesOf(scriptId: string): Promise<readonly SourceFile[]>;
  /** Never rejects: without a map the script's own position is given. */
  locate(position: GeneratedPosition): Promise<SourceLocation>;
  /** Whether a compiler added the code at a position: no line of a script's originals stands for it. */
  isAdded(position: GeneratedPosition): boolean;
  /**
   * Every place in loaded scripts that the file's line stands for, or else the next line that has code in any of them.
   *
   * @returns all for one and the same line; empty when no loaded script contains the file
   */
  candidates(file: SourceFile, line: number, column?: number): Promise<readonly BreakpointCandidate[]>;
  /** Whether some loaded script contains the file (contents may differ: see `contentMatches`). */
  has(file: SourceFile): Promise<boolean>;
  /**
   * The script that the file may be in, where nobody can say so any more: what lies beside it is the map of a later build.
   */
  builtAnew(file: SourceFile): Promise<SourceFile | undefined>;
  /** False when the loaded file's hash differs from `file.sha256`; true when either side has none. */
  contentMatches(file: SourceFile): Promise<boolean>;
  /**
   * The script that was made from the file before the file was changed, where nothing tells the text that it was made
   * from: lines may be off.
   */
  madeBefore(file: SourceFile): Promise<SourceFile | undefined>;
  list(match?: string): Promise<readonly SourceFile[]>;
  /** @throws {SandboxError} SOURCE_UNKNOWN, or PATH_FORBIDDEN for what is never served */
  text(which: { file: SourceFile } | { source: ContentHash }): Promise<SourceText>;
  /**
   * The text of a script as it runs, whatever its map says.
   *
   * @returns undefined for code without a file
   * @throws {SandboxError} PATH_FORBIDDEN for what is never served
   */
  runningText(scriptId: string): Promise<string | undefined>;
  /** Fires whenever a script adds files: pending breakpoints try again. */
  onFiles(listener: (files: readonly SourceFile[]) => void): () => void;
}
