/** DevTools methods that run none of the program's code and change nothing for anybody else. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { Call, CdpClientSession, Params } from './client-session.ts';
import { getProperties } from './properties.ts';
import { refused } from './refusal.ts';

/** Characters of a script in one answer: it has to fit into a frame. */
const MAX_SOURCE_PART = 1_000_000;
/** The domains that a client finds, most of whose methods are refused one by one. */
const DOMAINS = ['Console', 'Debugger', 'HeapProfiler', 'NodeRuntime', 'NodeWorker', 'Profiler', 'Runtime', 'Schema'];

const enableRuntime: Call = async (session) => {
  if (session.hears.runtime) return {};
  session.hears.runtime = true;
  session.replayContexts();
  return {};
};

const enableDebugger: Call = async (session) => {
  if (!session.hears.debugger) {
    session.hears.debugger = true;
    session.replayScripts();
  }
  return { debuggerId: `sandmesh.${session.id}` };
};

const disable =
  (domain: 'runtime' | 'debugger'): Call =>
  async (session) => {
    session.hears[domain] = false;
    return {};
  };

/** `from` is ours: a gateway reads a long text in parts. */
const getScriptSource: Call = async (session, { scriptId, from }) => {
  const text = await scriptText(session, session.scripts.toOwn(scriptId));
  const start = typeof from === 'number' && from > 0 ? from : 0;
  const scriptSource = text.slice(start, start + MAX_SOURCE_PART);
  return { scriptSource, ...(text.length > start + MAX_SOURCE_PART ? { more: start + MAX_SOURCE_PART } : {}) };
};

async function scriptText(session: CdpClientSession, scriptId: string): Promise<string> {
  const { registry, cdp } = session.process;
  const known = await registry.runningText(scriptId);
  if (known !== undefined) return known;
  // Evaluated code, or a file from elsewhere: whoever may evaluate could read it anyway.
  if (!session.seesAll) {
    throw new SandboxError('PATH_FORBIDDEN', 'Cannot show this script: it is no file of the project');
  }
  return (await cdp.send('Debugger.getScriptSource', { scriptId })).scriptSource;
}

const getPossibleBreakpoints: Call = async (session, { start, end, restrictToFunction }) => {
  const from = ownLocation(session, start);
  const answer = await session.process.cdp.send('Debugger.getPossibleBreakpoints', {
    start: from,
    ...(end === undefined ? {} : { end: ownLocation(session, end) }),
    ...(restrictToFunction === true ? { restrictToFunction } : {}),
  });
  return session.shown(answer, undefined);
};

/** @throws {SandboxError} HANDLE_STALE, BAD_ARGUMENT */
export function ownLocation(session: CdpClientSession, location: unknown): Protocol.Debugger.Location {
  const { scriptId, lineNumber, columnNumber } = Object(location) as Params;
  const isPlace = Number.isInteger(lineNumber) && (columnNumber === undefined || Number.isInteger(columnNumber));
  if (!isPlace) throw new SandboxError('BAD_ARGUMENT', 'Cannot use this location: it is no line and column');
  return {
    scriptId: session.scripts.toOwn(scriptId),
    lineNumber: lineNumber as number,
    ...(columnNumber === undefined ? {} : { columnNumber: columnNumber as number }),
  };
}

const setSkipAllPauses: Call = async (_session, { skip }) => {
  if (skip !== true) return {};
  throw refused(
    'Debugger.setSkipAllPauses',
    'it would take the pauses of everybody; switch your breakpoints off instead',
  );
};

const releaseObject: Call = async (session, { objectId }) => {
  const shown = session.objects.take(objectId);
  const own = shown?.group !== undefined && session.groups.has(shown.group);
  // Others look at what V8 shows everybody.
  if (own) await session.process.cdp.send('Runtime.releaseObject', { objectId: (await shown.value.objectId) ?? '' });
  return {};
};

const releaseObjectGroup: Call = async (session, params) => {
  const objectGroup = session.groupOf(params);
  session.groups.delete(objectGroup);
  session.objects.dropGroup(objectGroup);
  await session.process.cdp.send('Runtime.releaseObjectGroup', { objectGroup });
  return {};
};

const globalLexicalScopeNames: Call = async (session, { executionContextId }) => {
  const context =
    executionContextId === undefined ? {} : { executionContextId: ownContext(session, executionContextId) };
  return session.process.cdp.send('Runtime.globalLexicalScopeNames', context);
};

/** @throws {SandboxError} HANDLE_STALE */
export function ownContext(session: CdpClientSession, id: unknown): number {
  return Number(session.contexts.toOwn(id));
}

export const LOOK_CALLS: Readonly<Record<string, Call>> = {
  'Debugger.disable': disable('debugger'),
  'Debugger.enable': enableDebugger,
  'Debugger.getPossibleBreakpoints': getPossibleBreakpoints,
  'Debugger.getScriptSource': getScriptSource,
  'Debugger.setSkipAllPauses': setSkipAllPauses,
  'Runtime.disable': disable('runtime'),
  'Runtime.enable': enableRuntime,
  'Runtime.getHeapUsage': (session) => session.process.cdp.send('Runtime.getHeapUsage'),
  'Runtime.getIsolateId': async (session) => ({ id: session.id }),
  'Runtime.getProperties': getProperties,
  'Runtime.globalLexicalScopeNames': globalLexicalScopeNames,
  'Runtime.releaseObject': releaseObject,
  'Runtime.releaseObjectGroup': releaseObjectGroup,
  'Schema.getDomains': async () => ({ domains: DOMAINS.map((name) => ({ name, version: '1.3' })) }),
};
