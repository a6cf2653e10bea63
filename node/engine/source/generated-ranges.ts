/** From a line of an original to the stretches of generated code that were made from it. */

import { decodedMappings, type SourceMapSegment, type TraceMap } from '@jridgewell/trace-mapping';

/** 0-based, end excluded. */
export interface GeneratedRange {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface LineRanges {
  /** 0-based original line: the wanted one, or the next that has any code. */
  readonly line: number;
  /** In generated order. */
  readonly ranges: readonly GeneratedRange[];
}

/**
 * Scans the whole map: breakpoints are set rarely, an index would be paid for by every script.
 *
 * @param line 0-based
 * @returns undefined when nothing from `line` on has generated code
 */
export function rangesFromLine(trace: TraceMap, source: number, line: number): LineRanges | undefined {
  const lines = decodedMappings(trace);
  let best = Number.POSITIVE_INFINITY;
  for (const segments of lines) {
    for (const segment of segments) {
      const original = originalLine(segment, source);
      if (original !== undefined && original >= line && original < best) best = original;
    }
  }
  return best === Number.POSITIVE_INFINITY ? undefined : { line: best, ranges: rangesOfLine(lines, source, best) };
}

function rangesOfLine(lines: readonly (readonly SourceMapSegment[])[], source: number, line: number): GeneratedRange[] {
  const ranges: GeneratedRange[] = [];
  lines.forEach((segments, generatedLine) => {
    let start: number | undefined;
    for (const segment of segments) {
      const inside = originalLine(segment, source) === line;
      if (inside && start === undefined) start = segment[0];
      if (!inside && start !== undefined) {
        ranges.push({ startLine: generatedLine, startColumn: start, endLine: generatedLine, endColumn: segment[0] });
        start = undefined;
      }
    }
    if (start !== undefined) {
      ranges.push({ startLine: generatedLine, startColumn: start, endLine: generatedLine + 1, endColumn: 0 });
    }
  });
  return ranges;
}

function originalLine(segment: SourceMapSegment, source: number): number | undefined {
  return segment.length > 1 && segment[1] === source ? segment[2] : undefined;
}
