/** Reads scopes and values of a paused target for one client: lazily, in pages, without running the program's code. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { Scope, Variable } from '#shared/model/pause.ts';
import type { ChildItem, ChildPage, PreviewNode } from '../inspection-tool/answers.ts';
import { isIdentifier } from '../syntax.ts';
import type { HeldValue } from './handles.ts';
import { changesOf, liveScope } from './live-scopes.ts';
import { isExpandable, renderPreview, typeOf } from './preview.ts';
import { callFrameOf, callTool, fetchChild, stopOf } from './tool-calls.ts';
import type { VirtualSession } from './virtual-session.ts';

export const DEFAULT_PAGE = 100;
/** Variables of a scope listed at once; more are opened by its handle. */
const SCOPE_PAGE = 100;
/** Hidden properties (private fields and the like) previewed at most. */
const MAX_HIDDEN = 50;

export interface PageChoice {
  readonly start?: number | undefined;
  readonly count?: number | undefined;
  /** Elements only, or what has a name only. */
  readonly filter?: 'indexed' | 'named' | undefined;
}

export interface ShownScope extends Scope {
  readonly handle: string;
  readonly variables: Variable[];
  readonly truncated: boolean;
}

/**
 * @param frame 0 is the innermost
 * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT for a frame that is not there
 */
export async function readScopes(session: VirtualSession, frame: number): Promise<ShownScope[]> {
  const { scopeChain } = callFrameOf(session, frame);
  const read = await Promise.all(scopeChain.map((scope, number) => readScope(session, scope, frame, number)));
  const nearer = new Set<string>();
  return read.map(({ shown, held, items, truncated }) => {
    if (held === undefined) return { ...shown, handle: '', variables: [], truncated };
    held.hidden = new Set(nearer);
    for (const { name } of items) nearer.add(name);
    const variables = items
      .filter(({ kind }) => kind !== 'internal')
      .map((item) => toVariable(session, held, item, items));
    return { ...shown, handle: session.handles.add(held), variables, truncated };
  });
}

interface ReadScope {
  readonly shown: Scope;
  /** undefined: there is nothing to open. */
  readonly held: HeldValue | undefined;
  readonly items: readonly ChildItem[];
  readonly truncated: boolean;
}

async function readScope(
  session: VirtualSession,
  { type, name, object }: Protocol.Debugger.Scope,
  frame: number,
  number: number,
): Promise<ReadScope> {
  const { objectId } = object;
  const shown = { type, ...(name === undefined ? {} : { name: name.slice(0, 200) }) };
  if (objectId === undefined) return { shown, held: undefined, items: [], truncated: false };
  const held: HeldValue = { ...objectValue(objectId, ''), path: '', scope: number, frame };
  // The global scope is large and the same everywhere: it is listed when somebody opens it.
  if (type === 'global') return { shown, held, items: [], truncated: true };
  const { items, total } = await readPage(session, held, 0, SCOPE_PAGE);
  return { shown, held, items, truncated: total > SCOPE_PAGE };
}

/** @throws {SandboxError} HANDLE_STALE */
export async function readVariables(
  session: VirtualSession,
  handle: string,
  { start = 0, count = DEFAULT_PAGE, filter }: PageChoice = {},
): Promise<{ variables: Variable[]; total: number }> {
  const held = session.handles.get(handle);
  const page = await readPage(session, held, start, count, filter);
  // A key masks its value, also where only that was asked for.
  const isCut = start > 0 && held.ref?.by === 'entry';
  const siblings = isCut ? (await readPage(session, held, 0, 2)).items : page.items;
  const variables = page.items.map((item) => toVariable(session, held, item, siblings));
  if (!page.hidden || start > 0 || filter === 'indexed') return { variables, total: page.total };
  const hidden = await readHidden(session, held);
  return { variables: [...variables, ...hidden], total: page.total };
}

/** A value several levels deep. @throws {SandboxError} HANDLE_STALE */
export async function readWhole(session: VirtualSession, handle: string): Promise<PreviewNode> {
  const objectId = await objectIdOf(session, session.handles.get(handle));
  return JSON.parse(String(await callTool(session, objectId, 'whole'))) as PreviewNode;
}

export function objectValue(objectId: string, name: string): HeldValue {
  return { objectId: Promise.resolve(objectId), parent: undefined, ref: undefined, name };
}

/** A value as shown, with a handle when it has something to open. */
export function describeValue(session: VirtualSession, name: string, node: PreviewNode, held: HeldValue): Variable {
  return {
    name,
    value: renderPreview(node, name, session.mask),
    type: typeOf(node),
    ...(isExpandable(node) ? { handle: session.handles.add(held) } : {}),
    ...(node.s === undefined ? {} : { size: node.s }),
  };
}

/**
 * The name that decides about masking. Elements carry no telling one: that of what holds them; an entry of a map has its key.
 *
 * @param siblings of the item, a key among them
 */
export function tellingName(
  holder: { readonly name: string; readonly isEntry: boolean },
  item: Omit<ChildItem, 'ref'>,
  siblings: readonly Omit<ChildItem, 'ref'>[],
): string {
  if (item.kind === 'index' || item.kind === 'internal') return holder.name;
  if (!holder.isEntry || item.name !== 'value') return item.name;
  const key = siblings.find(({ name }) => name === 'key')?.node;
  return key?.t === 'string' ? (key.v ?? '') : holder.name;
}

/** As {@link tellingName} asks for it. */
export function holderOf({ name, ref }: HeldValue): { readonly name: string; readonly isEntry: boolean } {
  return { name, isEntry: ref?.by === 'entry' };
}

/** V8's own name for what a value consists of, which says nothing of it. */
export function isInternal(name: string): boolean {
  return name.startsWith('[[');
}

function toVariable(
  session: VirtualSession,
  parent: HeldValue,
  item: ChildItem,
  siblings: readonly ChildItem[],
): Variable {
  const maskedBy = tellingName(holderOf(parent), item, siblings);
  const held: HeldValue = { objectId: undefined, parent, ref: item.ref, name: maskedBy };
  const { node } = item;
  return {
    name: item.name,
    value: renderPreview(node, maskedBy, session.mask),
    type: typeOf(node),
    ...(isExpandable(node) ? { handle: session.handles.add(held) } : {}),
    ...(node.s === undefined ? {} : { size: node.s }),
    kind: item.kind,
    writable: item.writable,
    ...pathTo(held),
  };
}

const MAX_PATH_LENGTH = 2000;

/** The expression that gives a held value in its frame; undefined where only a handle does. */
export function pathOf({ path, parent, ref }: HeldValue): string | undefined {
  if (path !== undefined) return path;
  if (parent === undefined || ref?.by !== 'name' || parent.hidden?.has(ref.name) === true) return undefined;
  const before = pathOf(parent);
  return before === undefined ? undefined : pathBelow(before, ref.name);
}

/** @param path of what has the name; empty: a scope */
export function pathBelow(path: string, name: string): string | undefined {
  if (path === '') return isIdentifier(name) ? name : undefined;
  if (isIdentifier(name)) return `${path}.${name}`;
  return `${path}[${/^(?:0|[1-9]\d{0,14})$/.test(name) ? name : JSON.stringify(name)}]`;
}

function pathTo(held: HeldValue): { path?: string } {
  const path = pathOf(held);
  return path === undefined || path.length > MAX_PATH_LENGTH ? {} : { path };
}

export async function readPage(
  session: VirtualSession,
  held: HeldValue,
  start: number,
  count: number,
  filter: PageChoice['filter'] = undefined,
): Promise<ChildPage> {
  const objectId = await objectIdOf(session, held);
  const page = await callTool(session, objectId, 'page', stopOf(session), start, count, filter ?? '');
  return JSON.parse(String(page)) as ChildPage;
}

/** Fetches a lazily held value; one fetch however many ask. */
export function objectIdOf(session: VirtualSession, held: HeldValue): Promise<string> {
  const { frame, scope } = held;
  const changes = changesOf(session.process.pausedAt);
  if (frame !== undefined && scope !== undefined && changes !== (held.readAt ?? 0)) {
    held.readAt = changes;
    held.objectId = liveScope(session, frame, scope);
  }
  held.objectId ??= resolveHeld(session, held);
  return held.objectId;
}

async function resolveHeld(session: VirtualSession, { parent, ref, name }: HeldValue): Promise<string> {
  if (parent === undefined || ref === undefined) throw new TypeError('A held value has neither an object nor a parent');
  const { objectId } = await fetchChild(session, await objectIdOf(session, parent), ref);
  if (objectId !== undefined) return objectId;
  throw new SandboxError('HANDLE_STALE', `Cannot open "${name}": it no longer holds an object`, {
    hint: 'Look at the scopes again.',
  });
}

/** What only V8 sees: private fields, a promise's state, a proxy's target, a function's place. */
async function readHidden(session: VirtualSession, held: HeldValue): Promise<Variable[]> {
  const objectId = await objectIdOf(session, held);
  const found = await session.call('Runtime.getProperties', { objectId });
  const internal = (found.internalProperties ?? []).filter(({ name }) => name !== '[[Prototype]]');
  const listed = [...(found.privateProperties ?? []), ...internal].slice(0, MAX_HIDDEN);
  return Promise.all(
    listed.map(async ({ name, value }): Promise<Variable> => {
      const kind = isInternal(name) ? 'internal' : 'property';
      if (value === undefined) return { name, value: '(getter)', type: 'accessor', kind: 'accessor', writable: false };
      const shown = await describeRemote(session, isInternal(name) ? held.name : name, value);
      return { ...shown, name, kind, writable: false };
    }),
  );
}

/** A value V8 handed out, described like any other. */
export async function describeRemote(
  session: VirtualSession,
  name: string,
  value: Protocol.Runtime.RemoteObject,
): Promise<Variable> {
  const { objectId } = value;
  if (objectId === undefined) {
    const text = value.unserializableValue ?? String(value.value);
    const node: PreviewNode = { t: value.subtype === 'null' ? 'null' : value.type, v: text };
    return describeValue(session, name, node, { objectId: undefined, parent: undefined, ref: undefined, name });
  }
  const node = JSON.parse(String(await callTool(session, objectId, 'preview', stopOf(session)))) as PreviewNode;
  return describeValue(session, name, node, objectValue(objectId, name));
}
