/**
 * Which breakpoint a DevTools client means. It names places in running code; the others think in lines of source files:
 * where a line of a file leads to exactly the same place it becomes one, else it stays what the client said.
 */

import { fileURLToPath } from 'node:url';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId } from '#shared/ids.ts';
import type { BreakpointWhere } from '#shared/model/breakpoint.ts';
import type { FileNames } from '../../source/project.ts';
import type { GeneratedPosition } from '../../source/script-registry-interface.ts';
import { breakablePlace } from '../breakpoints/breakpoint-plan.ts';
import { literalsOf, scriptMatcher } from '../breakpoints/url-pattern.ts';
import type { CdpClientSession, Params } from './client-session.ts';
import { ownLocation } from './look-calls.ts';

export interface Located {
  readonly where?: BreakpointWhere;
  /** In the session's ids. */
  readonly locations: GeneratedPosition[];
}

type ScriptWhere = Extract<BreakpointWhere, { kind: 'script' }>;

interface WantedPosition {
  readonly lineNumber: number;
  readonly columnNumber: number | undefined;
}

const MAX_LINE = 10_000_000;

/** @throws {SandboxError} BAD_ARGUMENT, HANDLE_STALE */
export async function locate(
  session: CdpClientSession,
  method: string,
  params: Params,
  names: FileNames | undefined,
): Promise<Located> {
  const { location } = params;
  if (method === 'Debugger.setBreakpoint') {
    const { scriptId, lineNumber, columnNumber } = ownLocation(session, location);
    const { url = '' } = session.process.scripts.script(scriptId) ?? {};
    if (url === '') throw new SandboxError('BAD_ARGUMENT', 'Cannot set a breakpoint in code without a name');
    return inLoaded(session, [scriptId], { lineNumber, columnNumber }, { kind: 'script', url, line: lineNumber + 1 });
  }
  if (method !== 'Debugger.setBreakpointByUrl') throw new SandboxError('BAD_ARGUMENT', `"${method}" names no place`);
  const wanted = positionOf(params);
  const said = scriptOf(params, wanted);
  const matcher = scriptMatcher(said);
  if (matcher === undefined) {
    throw new SandboxError(
      'BAD_ARGUMENT',
      `Cannot find scripts by "${said.url.slice(0, 100)}": this pattern may take too long`,
      {
        hint: 'Name the script by its URL, or by alternatives of plain text.',
      },
    );
  }
  const matching = [...session.process.scripts.scripts].filter(({ url }) => matcher.matches(url));
  if (matching.length === 0) return { where: notLoaded(said, wanted, names), locations: [] };
  return inLoaded(
    session,
    matching.map(({ scriptId }) => scriptId),
    wanted,
    said,
  );
}

/** Where a breakpoint that is there already stands now. */
export function placesOf(session: CdpClientSession, breakpoint: BreakpointId): Located {
  return { locations: shownPlaces(session, session.process.reconciler.placesOf(breakpoint)) };
}

function shownPlaces(session: CdpClientSession, places: readonly GeneratedPosition[]): GeneratedPosition[] {
  return places.map(({ scriptId, lineNumber, columnNumber }) => ({
    scriptId: session.scripts.toClient(scriptId),
    lineNumber,
    columnNumber,
  }));
}

async function inLoaded(
  session: CdpClientSession,
  scriptIds: readonly string[],
  wanted: WantedPosition,
  said: ScriptWhere,
): Promise<Located> {
  const { cdp } = session.process;
  const { lineNumber, columnNumber = 0 } = wanted;
  const found = await Promise.all(
    scriptIds.map((scriptId) => breakablePlace(cdp, { scriptId, lineNumber, columnNumber })),
  );
  const places = found.filter((place) => place !== undefined);
  const line = places.length === 1 ? await asLine(session, places[0] as GeneratedPosition) : undefined;
  return { where: line ?? said, locations: shownPlaces(session, places) };
}

/** @returns undefined where no line, with or without a column, leads to this place and no other */
async function asLine(session: CdpClientSession, place: GeneratedPosition): Promise<BreakpointWhere | undefined> {
  const { registry } = session.process;
  const { file, line, column } = await registry.locate(place);
  if (file === undefined) return undefined;
  for (const at of [{ line }, { line, column }]) {
    const candidates = await registry.candidates(file, at.line, 'column' in at ? at.column : undefined);
    const [only] = candidates;
    if (only !== undefined && candidates.length === 1 && isSamePlace(only, place)) return { kind: 'line', file, ...at };
  }
  return undefined;
}

function isSamePlace(a: GeneratedPosition, b: GeneratedPosition): boolean {
  return a.scriptId === b.scriptId && a.lineNumber === b.lineNumber && a.columnNumber === b.columnNumber;
}

/** A file of the project that is not loaded yet is named as a file: then it stops wherever that file runs. */
function notLoaded(
  said: ScriptWhere,
  { lineNumber, columnNumber }: WantedPosition,
  names: FileNames | undefined,
): BreakpointWhere {
  const urls = said.isPattern === true ? (literalsOf(said.url) ?? []) : [said.url];
  const files = new Set(urls.flatMap((url) => pathOf(url) ?? []));
  const [only] = files;
  const file =
    only !== undefined && files.size === 1 && (columnNumber ?? 0) === 0 ? names?.toSourceFile(only) : undefined;
  return file === undefined ? said : { kind: 'line', file, line: lineNumber + 1 };
}

function pathOf(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  try {
    return url.startsWith('file://') ? fileURLToPath(url) : undefined;
  } catch {
    return undefined;
  }
}

function positionOf({ lineNumber, columnNumber }: Params): WantedPosition {
  const isCount = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) < MAX_LINE;
  if (isCount(lineNumber) && (columnNumber === undefined || columnNumber === null || isCount(columnNumber))) {
    return { lineNumber, columnNumber: columnNumber ?? undefined };
  }
  throw new SandboxError('BAD_ARGUMENT', 'Cannot set a breakpoint there: it is no line and column');
}

function scriptOf({ url, urlRegex }: Params, { lineNumber, columnNumber }: WantedPosition): ScriptWhere {
  const named = typeof url === 'string' && url !== '' ? url : urlRegex;
  if (typeof named !== 'string' || named === '' || named.length > 1024) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot set a breakpoint: it names no script by "url" or "urlRegex"');
  }
  return {
    kind: 'script',
    url: named,
    ...(named === url ? {} : { isPattern: true }),
    line: lineNumber + 1,
    ...(columnNumber === undefined || columnNumber === 0 ? {} : { column: columnNumber + 1 }),
  };
}
