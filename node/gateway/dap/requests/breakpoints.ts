/** Breakpoints: by line, function and exception. Each request is the whole list of what this client has there. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { z } from 'zod';
import { type BreakpointView, HIT_CONDITION, kindOf } from '#shared/model/breakpoint.ts';
import { formatSourceFile, type SourceFile } from '#shared/model/source-file.ts';
import { EXCEPTION_FILTERS } from '../capabilities.ts';
import { placeOfLine, type WantedBreakpoint } from '../client-breakpoints.ts';
import { type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';

const MAX_LISTED = 1_000;

export const sourceSchema = z.object({
  path: z.string().max(8192).optional(),
  sourceReference: z.number().int().optional(),
});

const setBreakpointsArgs = z.object({
  source: sourceSchema,
  breakpoints: z
    .array(
      z.object({
        line: z.number().int(),
        column: z.number().int().optional(),
        condition: z.string().max(10_000).optional(),
        hitCondition: z.string().max(100).optional(),
        logMessage: z.string().max(10_000).optional(),
        /** Ours: what it does, see the README; what the launch says unless given. */
        sandmeshKind: z.enum(['ours', 'mine', 'snapshot']).optional(),
      }),
    )
    .max(MAX_LISTED)
    .optional(),
});

type LineRequest = NonNullable<z.output<typeof setBreakpointsArgs>['breakpoints']>[number];

const setBreakpoints = request(setBreakpointsArgs, async (session, { source, breakpoints = [] }, { signal }) => {
  const file = session.paths.toFile(source);
  // It goes by its name whether it is there or not: it may come or go between two lists.
  const named = typeof file === 'string' ? session.paths.nameOf(file) : file;
  const group = named === undefined ? `path ${file}` : `file ${formatSourceFile(named)}`;
  const wanted = breakpoints.map((asked) => lineBreakpoint(session, { file, named }, asked));
  const set = await session.breakpoints.set(group, wanted, signal);
  // The client's own name for the source: it may know it by another path than we would give.
  return { breakpoints: set.map((breakpoint) => ({ ...breakpoint, source: ownSource(breakpoint.source, source) })) };
});

/** @param asked a number of ours beside its path would make another source of it */
function ownSource(ours: DebugProtocol.Source | undefined, asked: z.output<typeof sourceSchema>): DebugProtocol.Source {
  return { ...(ours?.name === undefined ? {} : { name: ours.name }), ...asked } as DebugProtocol.Source;
}

function lineBreakpoint(
  { client, place, breakpointKind }: DapSession,
  { file, named }: { file: SourceFile | string; named: SourceFile | undefined },
  asked: LineRequest,
): WantedBreakpoint {
  const line = client.fromLine(asked.line);
  const column = asked.column === undefined ? undefined : client.fromColumn(asked.column);
  const condition = emptyAsNone(asked.condition);
  const hitCondition = emptyAsNone(asked.hitCondition);
  const log = emptyAsNone(asked.logMessage);
  const kind = log === undefined ? (asked.sandmeshKind ?? breakpointKind) : 'log';
  const position = column === undefined ? { line } : { line, column };
  const location = `${typeof file === 'string' ? file : ''}:${line}${column === undefined ? '' : `:${column}`}`;
  const where = typeof file === 'string' ? { location } : { where: { kind: 'line' as const, file, ...position } };
  const placeOf = placeOfLine(named, { line, column });
  const isSuch = (view: BreakpointView): boolean =>
    view.condition === condition && view.hitCondition === hitCondition && view.log === log && kindOf(view) === kind;
  return {
    input: {
      ...where,
      ...(place.folder === undefined ? {} : { folder: place.folder }),
      ...(condition === undefined ? {} : { condition }),
      ...(hitCondition === undefined ? {} : { hitCondition }),
      ...(log === undefined ? {} : { log }),
      ...(kind === 'ours' ? {} : { kind }),
    },
    fits: (view, exactly) => placeOf(view.where, exactly) === 'here' && isSuch(view),
    outdates: (view) => placeOf(view.where, true) === 'version' && isSuch(view),
    ...obstacleOf(hitCondition),
  };
}

function obstacleOf(hitCondition: string | undefined): { obstacle?: string } {
  if (hitCondition === undefined || HIT_CONDITION.test(hitCondition)) return {};
  return { obstacle: `Cannot use the hit condition "${hitCondition}": write a count, such as 5, >= 3 or % 2` };
}

function emptyAsNone(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

const functionArgs = z.object({
  breakpoints: z
    .array(
      z.object({
        name: z.string().max(256),
        condition: z.string().max(10_000).optional(),
        hitCondition: z.string().max(100).optional(),
      }),
    )
    .max(MAX_LISTED),
});

const setFunctionBreakpoints = request(functionArgs, async (session, { breakpoints }, { signal }) => {
  const wanted = breakpoints.map((asked): WantedBreakpoint => {
    const name = asked.name.trim();
    const [condition, hitCondition] = [emptyAsNone(asked.condition), emptyAsNone(asked.hitCondition)];
    return {
      input: {
        function: name,
        ...(condition === undefined ? {} : { condition }),
        ...(hitCondition === undefined ? {} : { hitCondition }),
      },
      fits: ({ where, ...view }) =>
        where.kind === 'function' &&
        where.name === name &&
        kindOf(view) === 'ours' &&
        view.condition === condition &&
        view.hitCondition === hitCondition,
      ...obstacleOf(hitCondition),
    };
  });
  return { breakpoints: await session.breakpoints.set('functions', wanted, signal) };
});

const exceptionArgs = z.object({ filters: z.array(z.string().max(40)).max(20) });

const setExceptionBreakpoints = request(exceptionArgs, async (session, { filters }, { signal }) => {
  const wanted = filters.map((name): WantedBreakpoint => {
    const filter = EXCEPTION_FILTERS.find((known) => known.filter === name)?.filter;
    return {
      input: filter === undefined ? {} : { exception: filter },
      fits: ({ where, condition }) => where.kind === 'exception' && where.filter === filter && condition === undefined,
      ...(filter === undefined ? { obstacle: `Cannot use the exception filter "${name}": there is no such` } : {}),
    };
  });
  return { breakpoints: await session.breakpoints.set('exceptions', wanted, signal) };
});

const locationsArgs = z.object({
  source: sourceSchema,
  line: z.number().int(),
  column: z.number().int().optional(),
  endLine: z.number().int().optional(),
  endColumn: z.number().int().optional(),
});

const breakpointLocations = request(locationsArgs, async (session, { source, line, endLine }, { signal }) => {
  const { client } = session;
  const file = session.paths.toFile(source);
  if (typeof file === 'string' || session.targetOrNone === undefined) return { breakpoints: [] };
  const { places } = await session.run(
    'source.breakable',
    { target: session.target, file, fromLine: client.fromLine(line), toLine: client.fromLine(endLine ?? line) },
    { signal },
  );
  const breakpoints: DebugProtocol.BreakpointLocation[] = places.map((place) => ({
    line: client.line(place.line),
    column: client.column(place.column),
  }));
  return { breakpoints };
});

export const breakpointRequests: RequestTable = {
  setBreakpoints,
  setFunctionBreakpoints,
  setExceptionBreakpoints,
  breakpointLocations,
};
