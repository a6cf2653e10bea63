/**
 * Scopes as they are now. V8 copies a frame's variables into its scope objects when the program stops, and what is
 * assigned afterwards does not reach the copies (measured on 20.20): once something may have changed, a scope is read
 * anew in its frame, variable by variable.
 */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { ChildPage } from '../inspection-tool/answers.ts';
import { MERGE_FUNCTION } from '../inspection-tool/functions.ts';
import type { PausedAt } from '../stops/pause-builder.ts';
import { isIdentifier } from '../syntax.ts';
import { callFrameOf, callTool } from './tool-calls.ts';
import type { VirtualSession } from './virtual-session.ts';

/** Those V8 copies; the others are the program's own objects. */
const COPIED: ReadonlySet<string> = new Set(['local', 'block', 'closure', 'catch', 'eval', 'module', 'script']);
/** Variables of a scope that are read anew; a generated file's module scope has thousands. */
const MAX_VARIABLES = 1_000;
/** Reading variables takes microseconds; like everything that is evaluated it may not hold the program for ever. */
const READING_LIMIT_MS = 500;
/** V8's own group for what came with a stop: gone when the program moves on. */
const GROUP = 'backtrace';

/** Somebody ran code where the program stands, or set a variable. */
export function noteChange(at: PausedAt): void {
  at.changes = changesOf(at) + 1;
}

export function changesOf(at: PausedAt | undefined): number {
  return at?.changes ?? 0;
}

/**
 * A scope's variables as an object of their own; the copy that came with the stop where nothing has changed since.
 *
 * @throws {SandboxError} NOT_PAUSED, HANDLE_STALE
 */
export async function liveScope(session: VirtualSession, frame: number, number: number): Promise<string> {
  const { callFrameId, scopeChain } = callFrameOf(session, frame);
  const scope = scopeChain[number];
  const objectId = scope?.object.objectId;
  if (scope === undefined || objectId === undefined) {
    throw new SandboxError('HANDLE_STALE', `Cannot open scope ${number} of frame ${frame}: it is not there`);
  }
  const isLive = !COPIED.has(scope.type) || session.process.adapter !== undefined;
  if (isLive || changesOf(session.process.pausedAt) === 0) return objectId;
  const inner = scopeChain.slice(0, number);
  // Its names would run the getters of an object.
  if (inner.some(({ type }) => type === 'with')) return objectId;
  const [own, ...nearer] = await Promise.all([scope, ...inner].map((one) => namesOf(session, one)));
  const hidden = new Set(nearer.flat());
  const names = (own ?? []).filter((name) => isIdentifier(name) && !hidden.has(name));
  // Fixed text and names of variables: reading those runs nothing of the program's, whoever looks.
  const { result } = await session.process.cdp.send('Debugger.evaluateOnCallFrame', {
    callFrameId,
    expression: readingOf(names),
    objectGroup: GROUP,
    silent: true,
    throwOnSideEffect: true,
    timeout: READING_LIMIT_MS,
  });
  if (result.objectId === undefined) return objectId;
  const merged = await session.process.cdp.send('Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: MERGE_FUNCTION,
    arguments: [{ objectId: await session.process.tool(objectId) }, { objectId: result.objectId }],
    objectGroup: GROUP,
    silent: true,
  });
  return merged.result.objectId ?? objectId;
}

async function namesOf(session: VirtualSession, { object, type }: Protocol.Debugger.Scope): Promise<string[]> {
  const { objectId } = object;
  if (objectId === undefined || !COPIED.has(type)) return [];
  const { items } = JSON.parse(String(await callTool(session, objectId, 'page', 0, 0, MAX_VARIABLES, ''))) as ChildPage;
  return items.filter(({ kind }) => kind !== 'internal').map(({ name }) => name);
}

/** A variable whose declaration has not run cannot be read. */
function readingOf(names: readonly string[]): string {
  const reads = names.map((name) => `try { $sandmesh[${JSON.stringify(name)}] = ${name}; } catch {}`);
  return `{ const $sandmesh = { __proto__: null }; ${reads.join(' ')} $sandmesh }`;
}
