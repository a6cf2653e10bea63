/** Where in one line of a source file a target can stop: what an editor offers as places for a breakpoint. */

import { isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import type { ScriptRegistry } from '../../source/script-registry-interface.ts';

/** Places V8 is asked for from the line's first on: a bundle on one line has thousands. */
const MAX_LOOKED_AT = 300;
/** Lines of generated code that one line of source may become. */
const LINES_AHEAD = 20;

export interface BreakablePosition {
  readonly line: number;
  readonly column: number;
}

/** @returns in the source, 1-based, in order; empty when the line has no code or nothing loaded contains the file */
export async function breakablePlaces(
  cdp: CdpSession,
  registry: ScriptRegistry,
  file: SourceFile,
  line: number,
): Promise<BreakablePosition[]> {
  const columns = new Set<number>();
  for (const { line: meant, scriptId, lineNumber, columnNumber } of await registry.candidates(file, line)) {
    if (meant !== line) continue;
    const { locations } = await cdp.send('Debugger.getPossibleBreakpoints', {
      start: { scriptId, lineNumber, columnNumber },
      end: { scriptId, lineNumber: lineNumber + LINES_AHEAD, columnNumber: 0 },
    });
    const found = await Promise.all(
      locations
        .slice(0, MAX_LOOKED_AT)
        .map((at) => registry.locate({ scriptId, lineNumber: at.lineNumber, columnNumber: at.columnNumber ?? 0 })),
    );
    for (const at of found) {
      if (at.line === line && at.file !== undefined && isSameFile(at.file, file)) columns.add(at.column);
    }
  }
  return [...columns].sort((a, b) => a - b).map((column) => ({ line, column }));
}
