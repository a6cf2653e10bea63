/**
 * Finds where in a running script a breakpoint for a line belongs. The generated stretches of the line come from the
 * map; V8 says where in them it can stop. Whole files on one generated line (tsx, minified bundles) work because
 * every place V8 offers is judged by the original line it maps back to.
 */

import { originalPositionFor, type TraceMap } from '@jridgewell/trace-mapping';
import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../targets/attached-process.ts';
import { type GeneratedRange, rangesFromLine } from './generated-ranges.ts';
import type { LoadedScript } from './loaded-script.ts';
import type { BreakpointCandidate } from './script-registry-interface.ts';

type BreakLocation = Protocol.Debugger.BreakLocation;

/** A line without code slides at most this far: farther away nobody would recognise it. */
const MAX_SLIDE_LINES = 200;
const MAX_SLIDE_STEPS = 30;
/** One original line made into more stretches than this (inlined data, generated tables) is cut off. */
const MAX_RANGES = 24;

/** 0-based place in an original or, without a map, in the script. */
export interface WantedPlace {
  readonly line: number;
  readonly column: number | undefined;
}

/** @returns the one best place in a script that runs as it was written */
export async function candidateInScript(
  cdp: CdpSession,
  script: LoadedScript,
  wanted: WantedPlace,
): Promise<BreakpointCandidate | undefined> {
  const onLine = (line: number, lines: number): GeneratedRange => ({
    startLine: line,
    startColumn: 0,
    endLine: line + lines,
    endColumn: 0,
  });
  const inFile = (at: BreakLocation): BreakpointCandidate => toCandidate(script, at, at.lineNumber + 1);
  const exact = await breakLocations(cdp, script, onLine(wanted.line, 1));
  const best = pick(exact, (at) => at.columnNumber ?? 0, wanted.column);
  if (best !== undefined) return inFile(best);
  const later = await breakLocations(cdp, script, onLine(wanted.line + 1, MAX_SLIDE_LINES));
  return later[0] && inFile(later[0]);
}

export interface MappedScript {
  readonly script: LoadedScript;
  readonly trace: TraceMap;
  /** Index of the original in the map. */
  readonly source: number;
  /** Text of the original, if it can be had. */
  readonly text: string | undefined;
}

/** @returns the one best place in a script for a line of an original */
export async function candidateInMap(
  cdp: CdpSession,
  mapped: MappedScript,
  wanted: WantedPlace,
): Promise<BreakpointCandidate | undefined> {
  const { script, trace, source } = mapped;
  const originalLines = mapped.text?.split('\n') ?? [];
  let line = wanted.line;
  for (let step = 0; step < MAX_SLIDE_STEPS; step += 1) {
    const found = rangesFromLine(trace, source, line);
    if (found === undefined || found.line > wanted.line + MAX_SLIDE_LINES) return undefined;
    const ranges = found.ranges.slice(0, MAX_RANGES).map((range) => inScript(script, range));
    const locations = (await Promise.all(ranges.map((range) => breakLocations(cdp, script, range)))).flat();
    const text = originalLines[found.line] ?? '';
    const columnOf = (at: BreakLocation): number => originalColumn(trace, script, at);
    const offered = locations.filter((at) => !isAddedByCompiler(text, columnOf(at)));
    const best = pick(offered, columnOf, found.line === wanted.line ? wanted.column : undefined);
    if (best !== undefined) return toCandidate(script, best, found.line + 1);
    line = found.line + 1;
  }
  return undefined;
}

/**
 * Compilers add code of their own for a declaration and map it there: esbuild and tsx `__name(total, "total")` at the
 * declared name, tsc `exports.total = total` at the start of an exported function, which itself is hoisted and never a
 * place to stop. Such code runs once when the module starts: a breakpoint on it would seem never to hit.
 */
function isAddedByCompiler(originalLine: string, column: number): boolean {
  const before = originalLine.slice(0, column);
  if (/\b(?:function\s{0,8}\*?|class)\s{0,8}$/.test(before.slice(-40))) return true;
  return (
    before.trim() === '' && /^(?:export\s+(?:default\s+)?)?(?:async\s+)?function\b/.test(originalLine.slice(column))
  );
}

/**
 * Without a column the first place that is no `return` (those are the ends of functions), as people expect of a line.
 * With one the place at it, else the next after it, else the last before it.
 */
function pick(
  offered: readonly BreakLocation[],
  columnOf: (at: BreakLocation) => number,
  column: number | undefined,
): BreakLocation | undefined {
  if (column === undefined) return offered.find((at) => at.type !== 'return') ?? offered[0];
  const placed = offered.map((at) => ({ at, column: columnOf(at) })).sort((a, b) => a.column - b.column);
  return (placed.find((place) => place.column >= column) ?? placed.at(-1))?.at;
}

async function breakLocations(cdp: CdpSession, script: LoadedScript, range: GeneratedRange): Promise<BreakLocation[]> {
  const { locations } = await cdp.send('Debugger.getPossibleBreakpoints', {
    start: { scriptId: script.id, lineNumber: range.startLine, columnNumber: range.startColumn },
    end: { scriptId: script.id, lineNumber: range.endLine, columnNumber: range.endColumn },
  });
  return locations;
}

/** Maps count from the script's text, V8 from the file it was cut out of. */
function inScript(script: LoadedScript, range: GeneratedRange): GeneratedRange {
  const column = (line: number, value: number): number => (line === 0 ? value + script.startColumn : value);
  return {
    startLine: range.startLine + script.startLine,
    startColumn: column(range.startLine, range.startColumn),
    endLine: range.endLine + script.startLine,
    endColumn: column(range.endLine, range.endColumn),
  };
}

function originalColumn(trace: TraceMap, script: LoadedScript, at: BreakLocation): number {
  const line = at.lineNumber - script.startLine;
  const column = (at.columnNumber ?? 0) - (line === 0 ? script.startColumn : 0);
  return originalPositionFor(trace, { line: line + 1, column }).column ?? 0;
}

function toCandidate(script: LoadedScript, at: BreakLocation, line: number): BreakpointCandidate {
  return { scriptId: script.id, lineNumber: at.lineNumber, columnNumber: at.columnNumber ?? 0, line };
}
