/** The stack, scopes and values of a stop, in pages; and changing them. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import type { Frame, Variable } from '#shared/model/pause.ts';
import { withConsentNotice } from '../consent-notice.ts';
import { type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { shownScopes } from '../shown-scopes.ts';
import { shownVariable } from '../shown-variable.ts';

/** Values of a page when the client asks for no size. */
const PAGE = 1_000;

const stackArgs = z.object({
  startFrame: z.number().int().min(0).optional(),
  levels: z.number().int().min(0).optional(),
});

const stackTrace = request(stackArgs, async (session, { startFrame = 0, levels = 0 }, { signal }) => {
  const pause = session.stops.mustBeCurrent;
  const end = levels === 0 ? pause.totalFrames : Math.min(startFrame + levels, pause.totalFrames);
  // What is published with a stop is here already.
  const isHere = end <= pause.frames.length;
  const frames = isHere
    ? pause.frames
    : (await session.run('inspect.stack', { target: session.target }, { signal })).pause.frames;
  // What stands on Node's own code cannot run again: see the engine's frameToRestart.
  const nodes = frames.findIndex(({ internal }) => internal === true);
  const stackFrames = frames
    .slice(startFrame, end)
    .map((frame) => shownFrame(session, frame, nodes === -1 || frame.index < nodes));
  return { stackFrames, totalFrames: pause.totalFrames };
});

function shownFrame(session: DapSession, frame: Frame, canRestart: boolean): DebugProtocol.StackFrame {
  const { client, paths } = session;
  const isTheirs = frame.internal !== true && frame.file?.package === undefined;
  return {
    id: session.frames.add(frame.index),
    name: frame.functionName,
    source: paths.toSource(frame.file, frame.source),
    line: client.line(frame.line),
    column: client.column(frame.column),
    canRestart: canRestart && isTheirs,
    ...(isTheirs ? {} : { presentationHint: 'subtle' }),
  };
}

const scopesArgs = z.object({ frameId: z.number().int() });

const scopes = request(scopesArgs, async (session, { frameId }, { signal }) => {
  const frame = session.frames.get(frameId);
  session.looked.frame(frame);
  return { scopes: shownScopes(session, frame, await session.read.scopes(frame, { signal })) };
});

const variablesArgs = z.object({
  variablesReference: z.number().int(),
  filter: z.enum(['indexed', 'named']).optional(),
  start: z.number().int().min(0).optional(),
  count: z.number().int().min(0).optional(),
});

const variables = request(variablesArgs, async (session, { variablesReference, filter, start, count }, { signal }) => {
  const opened = session.values.get(variablesReference);
  const { handle, frame, read } = opened;
  const here = read?.generation === session.read.generation ? read.variables : undefined;
  const found =
    here ??
    (await readAll(session, { handle, filter, start: start ?? 0, count: count === 0 ? undefined : count }, signal));
  return { variables: found.map((variable) => shownVariable(session, variable, frame)) };
});

interface WantedPage {
  readonly handle: string;
  readonly filter: 'indexed' | 'named' | undefined;
  readonly start: number;
  /** undefined: all of them. */
  readonly count: number | undefined;
}

async function readAll(session: DapSession, page: WantedPage, signal: AbortSignal): Promise<Variable[]> {
  const { handle, filter, start } = page;
  const count = Math.min(page.count ?? PAGE, PAGE);
  const choice = { handle, start, count, ...(filter === undefined ? {} : { filter }) };
  return (await session.read.page(choice, { signal })).variables;
}

const setVariableArgs = z.object({
  variablesReference: z.number().int(),
  name: z.string().max(300),
  value: z.string().min(1).max(20_000),
});

const setVariable = request(setVariableArgs, async (session, { variablesReference, name, value }, call) => {
  const { frame, handle } = session.values.get(variablesReference);
  if (frame === undefined) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot set "${name}": it was evaluated, and is no part of a stop`);
  }
  const { result } = await withConsentNotice(session, call, { what: 'changing variables', isTyped: true }, () =>
    session.run('inspect.set', { target: session.target, frame, within: handle, name, expression: value }, call),
  );
  return withoutName(shownVariable(session, result, frame));
});

const setExpressionArgs = z.object({
  expression: z.string().min(1).max(300),
  value: z.string().min(1).max(20_000),
  frameId: z.number().int().optional(),
});

const setExpression = request(setExpressionArgs, async (session, { expression, value, frameId }, call) => {
  const frame = frameId === undefined ? 0 : session.frames.get(frameId);
  const { result } = await withConsentNotice(session, call, { what: 'changing variables', isTyped: true }, () =>
    session.run('inspect.set', { target: session.target, frame, name: expression, expression: value }, call),
  );
  return withoutName(shownVariable(session, result, frame));
});

function withoutName({ name: _name, ...rest }: DebugProtocol.Variable): Omit<DebugProtocol.Variable, 'name'> {
  return rest;
}

const exceptionInfo = request(z.object({}), async (session, _args, { signal }) => {
  const { exception } = await session.run('inspect.exception', { target: session.target }, { signal });
  const { type, message, stack, uncaught } = exception;
  return {
    exceptionId: type,
    description: message,
    breakMode: uncaught ? 'unhandled' : 'always',
    details: { message, typeName: type, ...(stack === undefined ? {} : { stackTrace: stack }) },
  };
});

export const stackRequests: RequestTable = {
  stackTrace,
  scopes,
  variables,
  setVariable,
  setExpression,
  exceptionInfo,
};
