/**
 * Picks the place in a script where a breakpoint on a source line really goes: V8 offers the positions it can stop at,
 * the registry says which source line each belongs to.
 */

import type { Protocol } from 'devtools-protocol';
import { isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import type { CdpSession } from '../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../source/script-registry-interface.ts';

type Position = Protocol.Debugger.BreakLocation;

export interface BreakablePlace extends GeneratedPosition {
  /** Source line and column it stands for, 1-based. */
  readonly line: number;
  readonly column: number;
}

/** Columns looked at on the same generated line first: transpilers put whole files on one line. */
const NEAR_COLUMNS = 600;
const NEAR_LINES = 40;
/** V8 lists every position of a script at once: a minified bundle has hundreds of thousands. */
const MAX_MAPPED_POSITIONS = 3000;

/**
 * @param start generated position that the wanted line begins at
 * @returns the exact line if it has code, else the first line after it that has; undefined when none follows
 */
export async function findBreakablePlace(
  cdp: CdpSession,
  registry: ScriptRegistry,
  start: GeneratedPosition,
  wanted: { file: SourceFile; line: number; column?: number | undefined },
): Promise<BreakablePlace | undefined> {
  const { scriptId, lineNumber, columnNumber } = start;
  const near = { scriptId, lineNumber, columnNumber: columnNumber + NEAR_COLUMNS };
  const further = { scriptId, lineNumber: lineNumber + NEAR_LINES, columnNumber: 0 };
  let later: BreakablePlace | undefined;
  for (const end of [near, further, undefined]) {
    const positions = await possiblePositions(cdp, { scriptId, lineNumber, columnNumber }, end);
    const places = await mapBack(registry, positions, wanted.file);
    const exact = bestOnLine(places, wanted.line, wanted.column);
    if (exact !== undefined) return exact;
    later ??= firstAfter(places, wanted.line);
    if (later !== undefined && end !== near) return later;
  }
  return later;
}

async function possiblePositions(
  cdp: CdpSession,
  start: Protocol.Debugger.Location,
  end: Protocol.Debugger.Location | undefined,
): Promise<readonly Position[]> {
  const { locations } = await cdp.send(
    'Debugger.getPossibleBreakpoints',
    end === undefined ? { start } : { start, end },
  );
  return locations.slice(0, MAX_MAPPED_POSITIONS);
}

type Mapped = BreakablePlace & { readonly isReturn: boolean };

async function mapBack(
  registry: ScriptRegistry,
  positions: readonly Position[],
  file: SourceFile,
): Promise<readonly Mapped[]> {
  const mapped = await Promise.all(
    positions.map(async ({ scriptId, lineNumber, columnNumber = 0, type }): Promise<Mapped | undefined> => {
      const at = await registry.locate({ scriptId, lineNumber, columnNumber });
      if (at.file === undefined || !isSameFile(at.file, file)) return undefined;
      return { scriptId, lineNumber, columnNumber, line: at.line, column: at.column, isReturn: type === 'return' };
    }),
  );
  return mapped.filter((place) => place !== undefined);
}

function bestOnLine(places: readonly Mapped[], line: number, column: number | undefined): BreakablePlace | undefined {
  const onLine = places.filter((place) => place.line === line);
  // The return position of the function before maps to the next line in one-line output: anything else is better.
  const body = onLine.filter((place) => !place.isReturn);
  const pool = body.length > 0 ? body : onLine;
  if (column === undefined) return pool[0];
  return pool.find((place) => place.column >= column) ?? pool.at(-1);
}

function firstAfter(places: readonly Mapped[], line: number): BreakablePlace | undefined {
  let best: Mapped | undefined;
  for (const place of places) {
    if (place.line > line && (best === undefined || place.line < best.line)) best = place;
  }
  return best;
}
