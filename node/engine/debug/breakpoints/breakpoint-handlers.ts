/** Handlers of `breakpoint.*`: they write what is wanted; every host's engine does the rest. */

import type { CommandArgs } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { BreakpointId } from '#shared/ids.ts';
import {
  type Breakpoint,
  type BreakpointKind,
  type BreakpointView,
  type BreakpointWhere,
  carriesCode,
} from '#shared/model/breakpoint.ts';
import type { CallContext, Handler } from '../../../pipeline/context.ts';
import { withDeadline } from '../../../pipeline/deadline.ts';
import { assertScope } from '../../../security/authorize.ts';
import { parseLocation, resolveLocation } from '../../source/location.ts';
import type { DebugEngine } from '../debug-engine.ts';
import { probeExpressionProblem } from '../probes/expressions.ts';
import { parseLogMessage } from '../probes/log-message.ts';
import { addBreakpoint, enableBreakpoint, removeBreakpoint, undoBreakpointEdit } from './breakpoint-records.ts';
import { expressionProblem } from './condition.ts';

/** A host on the same network has answered by then; a closed lid has not, and need not. */
const DEFAULT_SETTLE_MS = 300;

const add: Handler<'breakpoint.add'> = async (args, context) => {
  const { replica, engine } = context.sandbox;
  const { condition, hitCondition, log, capture, settleMs = DEFAULT_SETTLE_MS } = args;
  const kind = wantedKind(args);
  const where = await resolveWhere(args, context);
  if (condition !== undefined && isForNode(where)) {
    const problem = expressionProblem(condition);
    if (problem !== undefined) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot set the breakpoint: its condition ${problem}`, {
        hint: 'A condition is a JavaScript expression, for example: items.length > 3',
      });
    }
  }
  const wanted = {
    where,
    ...(kind === 'ours' ? {} : { kind }),
    ...(log === undefined ? {} : { log }),
    ...(capture === undefined ? {} : { capture }),
    ...(condition === undefined ? {} : { condition }),
    ...(hitCondition === undefined ? {} : { hitCondition }),
  };
  assertMayArm(wanted, context);
  const { id } = await addBreakpoint(replica, wanted, engine.now);
  return settled(engine, id, settleMs, context.signal);
};

const remove: Handler<'breakpoint.remove'> = async ({ breakpoint }, context) => {
  await removeBreakpoint(context.sandbox.replica, breakpoint);
  return { removed: breakpoint };
};

const enable: Handler<'breakpoint.enable'> = async ({ breakpoint, enabled }, context) => {
  const { replica, engine } = context.sandbox;
  const known = engine.breakpoint(breakpoint);
  if (known !== undefined && enabled) assertMayArm(known, context);
  await enableBreakpoint(replica, breakpoint, enabled);
  return settled(engine, breakpoint, enabled ? DEFAULT_SETTLE_MS : 0, context.signal);
};

const undo: Handler<'breakpoint.undo'> = async ({ redo }, context) => {
  const { replica, engine } = context.sandbox;
  const undone = await undoBreakpointEdit(replica, redo === true, (record) => assertMayArm(record, context));
  if (undone === undefined) return { undone: null };
  const { edit, passedOver } = undone;
  const [from, to] = redo === true ? [edit.before, edit.after] : [edit.after, edit.before];
  const change = to === undefined ? 'removed' : from === undefined ? 'set' : 'changed';
  const view = to === undefined ? null : await settled(engine, edit.id, DEFAULT_SETTLE_MS, context.signal);
  const { where } = (to ?? from) as Breakpoint;
  return { undone: { breakpoint: edit.id, where, change, view, passedOver } };
};

const list: Handler<'breakpoint.list'> = async (_args, context) => ({
  breakpoints: context.sandbox.engine.breakpoints(),
});

export const breakpointHandlers = {
  'breakpoint.add': add,
  'breakpoint.remove': remove,
  'breakpoint.enable': enable,
  'breakpoint.undo': undo,
  'breakpoint.list': list,
};

/**
 * A token for breakpoints alone brings in none that runs code: what a breakpoint carries decides, as it does about the
 * right that its document asks for.
 *
 * @throws {SandboxError} FORBIDDEN
 */
function assertMayArm(record: Pick<Breakpoint, 'kind' | 'condition'>, { caller }: CallContext): void {
  if (carriesCode(record)) assertScope('set a breakpoint that runs code', 'evaluate', caller.access?.scopes);
}

/** A file of another language has conditions of that language, which its debugger judges. */
function isForNode(where: BreakpointWhere): boolean {
  return where.kind !== 'line' || !/\.[a-z+]{1,8}$/i.test(where.file.path) || SCRIPT.test(where.file.path);
}

/** What Node runs, or what is compiled to it. */
const SCRIPT = /\.(?:[cm]?[jt]sx?|vue|svelte|astro|mdx|coffee|civet|re|res|ml|elm|purs|imba|marko|html)$/i;

async function resolveWhere(args: CommandArgs<'breakpoint.add'>, context: CallContext): Promise<BreakpointWhere> {
  const { location, function: name, exception, where } = args;
  if ([location, name, exception, where].filter((given) => given !== undefined).length !== 1) {
    throw new SandboxError(
      'BAD_ARGUMENT',
      'Cannot set a breakpoint: give a location, a function or an exception filter',
      {
        hint: 'For example: sandmesh break add src/app.ts:10.',
      },
    );
  }
  if (where !== undefined) return where;
  if (name !== undefined) return { kind: 'function', name };
  if (exception !== undefined) return { kind: 'exception', filter: exception };
  return resolveLine(location ?? '', args.folder ?? context.folder, context);
}

async function resolveLine(text: string, folder: string | undefined, context: CallContext): Promise<BreakpointWhere> {
  const { engine, project, names } = context.sandbox;
  const here = { folder, project, names };
  const onDisk = attempt(() => resolveLocation(text, { ...here, loaded: [] }));
  const { path } = parseLocation(text);
  // Hosts are asked only for what this machine does not know.
  const resolved =
    onDisk?.found === 'disk'
      ? onDisk
      : resolveLocation(text, { ...here, loaded: await engine.loadedSources(baseName(path)) });
  const { file, line, column } = resolved;
  return column === undefined ? { kind: 'line', file, line } : { kind: 'line', file, line, column };
}

/** @throws {SandboxError} BAD_ARGUMENT for what does not go together, or does not parse */
function wantedKind({ kind, log, capture, exception }: CommandArgs<'breakpoint.add'>): BreakpointKind {
  const implied = log !== undefined ? 'log' : capture !== undefined ? 'trace' : (kind ?? 'ours');
  const bad = (why: string): SandboxError => new SandboxError('BAD_ARGUMENT', `Cannot set the breakpoint: ${why}`);
  if (kind !== undefined && kind !== implied)
    throw bad(`one of kind "${kind}" takes no ${log ? 'message' : 'captures'}`);
  if (implied === 'log' && log === undefined) throw bad('a logpoint needs a message');
  if (implied !== 'log' && implied !== 'trace') return implied;
  if (exception !== undefined) throw bad('an exception has no place to record at');
  if (log !== undefined) parseLogMessage(log);
  for (const expression of capture ?? []) {
    const problem = probeExpressionProblem(expression);
    if (problem !== undefined) throw bad(`its expression ${problem}`);
  }
  return implied;
}

/** @returns undefined where it is refused: what targets have loaded may still settle it */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SandboxError) return undefined;
    throw error;
  }
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

/** Waits, within bounds, until every live target has said what it made of the breakpoint. */
async function settled(
  engine: DebugEngine,
  id: BreakpointId,
  settleMs: number,
  signal: AbortSignal,
): Promise<BreakpointView> {
  const isSettled = (view: BreakpointView | undefined): boolean => {
    const live = engine.targets().filter(({ state }) => state === 'running' || state === 'paused');
    return (
      view !== undefined && live.every(({ id: target }) => view.statuses.some((status) => status.target === target))
    );
  };
  if (settleMs > 0 && !isSettled(engine.breakpoint(id))) {
    const expired = (): Error => new SandboxError('TIMEOUT', 'Not every host has answered yet');
    const test = ({ breakpoint }: { breakpoint: BreakpointId }): boolean =>
      breakpoint === id && isSettled(engine.breakpoint(id));
    await withDeadline({ timeoutMs: settleMs, signal, expired }, (within) =>
      engine.events.next('breakpoints', { test, signal: within.signal }),
    ).catch((error: unknown) => {
      // Time is up: the view says which hosts have answered.
      if (signal.aborted) throw error;
    });
  }
  const view = engine.breakpoint(id);
  if (view !== undefined) return view;
  throw new SandboxError('BREAKPOINT_UNKNOWN', `Cannot show the breakpoint "${id}": it was removed meanwhile`);
}
