/**
 * Where one wanted breakpoint belongs in one target right now: places to arm it at, or why it has none. Asks V8 and the
 * script registry; changes nothing.
 */

import type { BreakpointWhere } from '#shared/model/breakpoint.ts';
import { formatSourceFile, isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import { count } from '#shared/plural.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../../source/script-registry-interface.ts';
import { escapeRegex } from '../script-urls.ts';
import { findFunctions } from './function-positions.ts';
import { scriptMatcher } from './url-pattern.ts';

/** A position V8 can stop at. */
export interface BreakablePlace extends GeneratedPosition {
  /** Source line and column it stands for, 1-based. */
  readonly line: number;
  readonly column: number;
}

export interface BreakpointPlan {
  readonly state: 'armed' | 'pending' | 'refused';
  readonly places: readonly BreakablePlace[];
  readonly reason: string | undefined;
}

/** What a plan needs to know of a loaded script. */
export interface LoadedScript {
  readonly scriptId: string;
  readonly url: string;
  readonly length: number;
}

type LineBreakpoint = Extract<BreakpointWhere, { kind: 'line' }>;
type ScriptBreakpoint = Extract<BreakpointWhere, { kind: 'script' }>;

/** A script longer than this is not searched for functions: parsing it would take seconds. */
const MAX_SEARCHED_LENGTH = 4_000_000;
const MAX_FUNCTION_PLACES = 20;

export async function planLine(registry: ScriptRegistry, wanted: LineBreakpoint): Promise<BreakpointPlan> {
  const { file, line, column } = wanted;
  const name = formatSourceFile(file);
  if (!(await registry.has(file))) return pending(await whyNotLoaded(registry, file));
  if (!(await registry.contentMatches(file))) {
    return refused(`${name} differs from the file that this target runs: bring both to the same version`);
  }
  const candidates = await registry.candidates(file, line, column);
  const places = await Promise.all(candidates.map((candidate) => placeAt(registry, candidate)));
  const first = places[0];
  if (first === undefined) return refused(`${name} has no code at line ${line} or soon after it`);
  const notes = [
    ...(first.line === line ? [] : [`Line ${line} has no code: stops at line ${first.line}`]),
    ...(await whyLinesAreOff(registry, file)),
  ];
  return { state: 'armed', places, reason: notes.length === 0 ? undefined : notes.join('; ').slice(0, 300) };
}

async function whyLinesAreOff(registry: ScriptRegistry, file: SourceFile): Promise<string[]> {
  const script = await registry.madeBefore(file);
  if (script === undefined) return [];
  if (isSameFile(script, file))
    return ['The file was changed since it was loaded: lines may be off until the next start'];
  return [`The file is newer than ${formatSourceFile(script)}, made from it: lines may be off until it is built anew`];
}

async function whyNotLoaded(registry: ScriptRegistry, file: SourceFile): Promise<string> {
  const script = await registry.builtAnew(file);
  if (script === undefined) return `Nothing that this target has loaded contains ${formatSourceFile(file)} yet`;
  return `${formatSourceFile(script)} was built anew since this target loaded it: restart the program`;
}

/** V8 moves a breakpoint to the next place it can stop at; one farther away than this is not meant. */
const MAX_SCRIPT_SLIDE_LINES = 200;
const MAX_SCRIPT_PLACES = 20;

/** Places in running code, named as V8 names them. */
export async function planScript(
  cdp: CdpSession,
  registry: ScriptRegistry,
  wanted: ScriptBreakpoint,
  scripts: Iterable<LoadedScript>,
): Promise<BreakpointPlan> {
  const matcher = scriptMatcher(wanted);
  if (matcher === undefined) return refused(`"${wanted.url.slice(0, 200)}" is no pattern that scripts can be found by`);
  const matching = [...scripts].filter(({ url }) => matcher.matches(url)).slice(-MAX_SCRIPT_PLACES);
  if (matching.length === 0) return pending('This target has loaded no such script yet');
  const position = { lineNumber: wanted.line - 1, columnNumber: (wanted.column ?? 1) - 1 };
  const found = await Promise.all(matching.map(({ scriptId }) => breakablePlace(cdp, { scriptId, ...position })));
  const places = await Promise.all(found.flatMap((at) => (at === undefined ? [] : [placeAt(registry, at)])));
  if (places.length > 0) return { state: 'armed', places, reason: undefined };
  return refused(`The script has no code at line ${wanted.line} or soon after it`);
}

/** @returns the first place at or after a position where V8 can stop */
export async function breakablePlace(cdp: CdpSession, at: GeneratedPosition): Promise<GeneratedPosition | undefined> {
  const { scriptId, lineNumber } = at;
  const { locations } = await cdp.send('Debugger.getPossibleBreakpoints', {
    start: { ...at },
    end: { scriptId, lineNumber: lineNumber + MAX_SCRIPT_SLIDE_LINES, columnNumber: 0 },
  });
  const first = locations[0];
  return first && { scriptId, lineNumber: first.lineNumber, columnNumber: first.columnNumber ?? 0 };
}

export interface WantedFunction {
  readonly name: string;
  /** It is about the calls of the function itself, arguments and result, not about what its code does. */
  readonly forCalls?: boolean;
}

/** Searches the user's own scripts first; installed packages only when those hold no such function. */
export async function planFunction(
  cdp: CdpSession,
  registry: ScriptRegistry,
  { name, forCalls = false }: WantedFunction,
  scripts: Iterable<LoadedScript>,
): Promise<BreakpointPlan> {
  const theirs = [...scripts].filter(({ url }) => !url.startsWith('node:'));
  const searched = theirs.filter(({ length }) => length <= MAX_SEARCHED_LENGTH);
  const own = searched.filter(({ url }) => !url.includes('/node_modules/'));
  const installed = searched.filter(({ url }) => url.includes('/node_modules/'));
  for (const group of [own, installed]) {
    const found = (
      await Promise.all(group.map((script) => functionPlaces(cdp, registry, script, { name, forCalls })))
    ).flat();
    if (found.length === 0) continue;
    const places = found.slice(0, MAX_FUNCTION_PLACES);
    const reason = found.length === 1 ? undefined : `${found.length} functions have this name`;
    return { state: 'armed', places, reason };
  }
  const skipped = theirs.length - searched.length;
  const but = skipped === 0 ? '' : ` (not searched, because of its size: ${count(skipped, 'script')})`;
  return pending(`No script that this target has loaded declares a function "${name}" yet${but}`);
}

async function functionPlaces(
  cdp: CdpSession,
  registry: ScriptRegistry,
  { scriptId }: LoadedScript,
  { name, forCalls = false }: WantedFunction,
): Promise<BreakablePlace[]> {
  const query = `\\b${escapeRegex(name.slice(name.lastIndexOf('.') + 1))}\\b`;
  const { result } = await cdp.send('Debugger.searchInContent', { scriptId, query, isRegex: true });
  if (result.length === 0) return [];
  const { scriptSource } = await cdp.send('Debugger.getScriptSource', { scriptId });
  const places: BreakablePlace[] = [];
  for (const { end, ...begin } of findFunctions(scriptSource, name)) {
    const start = { scriptId, ...begin };
    const { locations } = await cdp.send('Debugger.getPossibleBreakpoints', { start, restrictToFunction: true });
    const first = locations[0];
    if (first === undefined) continue;
    const { lineNumber, columnNumber = 0 } = first;
    const place = { scriptId, lineNumber, columnNumber };
    const written = forCalls || !registry.isAdded(place) ? undefined : await firstWritten(cdp, registry, start, end);
    places.push(await placeAt(registry, written ?? place));
  }
  return places;
}

/** What people wrote of an async function that was compiled for older engines lies in a function within it. */
async function firstWritten(
  cdp: CdpSession,
  registry: ScriptRegistry,
  start: GeneratedPosition,
  end: Omit<GeneratedPosition, 'scriptId'>,
): Promise<GeneratedPosition | undefined> {
  const { scriptId } = start;
  const { locations } = await cdp.send('Debugger.getPossibleBreakpoints', { start, end: { scriptId, ...end } });
  const places = locations.map(({ lineNumber, columnNumber = 0 }) => ({ scriptId, lineNumber, columnNumber }));
  return places.find((place) => !registry.isAdded(place));
}

async function placeAt(
  registry: ScriptRegistry,
  { scriptId, lineNumber, columnNumber }: GeneratedPosition,
): Promise<BreakablePlace> {
  const { line, column } = await registry.locate({ scriptId, lineNumber, columnNumber });
  return { scriptId, lineNumber, columnNumber, line, column };
}

export function pending(reason: string): BreakpointPlan {
  return { state: 'pending', places: [], reason };
}

export function refused(reason: string): BreakpointPlan {
  return { state: 'refused', places: [], reason };
}
