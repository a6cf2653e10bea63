/**
 * What a plain path (`cart.items[0].price`) names in a frame, and which names could continue one. Runs none of the
 * program's code: a getter or a proxy on the way ends it.
 */

import { parseExpressionAt } from 'acorn';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { PreviewNode } from '../inspection-tool/answers.ts';
import { isIdentifier, isNode, type SyntaxNode } from '../syntax.ts';
import type { HeldValue } from './handles.ts';
import { liveScope } from './live-scopes.ts';
import { callFrameOf, callTool } from './tool-calls.ts';
import { describeValue, objectValue } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

type Completions = CommandResult<'inspect.completions'>;

/** A chain of plain names, as far as it stands before the caret, and the name being typed. */
const BEFORE_CARET =
  /(?:(?<chain>[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\??\.[\p{ID_Start}$_][\p{ID_Continue}$]*|\[\d{1,9}\])*)\??\.)?(?<typed>[\p{ID_Start}$_][\p{ID_Continue}$]*)?$/u;
const MAX_PATH_LENGTH = 1000;
const MAX_NAMES = 200;
const MAX_SCOPES = 40;

/** @returns undefined when it is no plain path, names nothing, or cannot be told without running code */
export async function lookUp(session: VirtualSession, frame: number, path: string): Promise<Variable | undefined> {
  const names = namesOf(path);
  if (names === undefined) return undefined;
  const base = await baseOf(session, frame, names[0] as string);
  if (base === undefined) return undefined;
  const rest = base.isThis ? names.slice(1) : names;
  const text = await callTool(session, base.objectId, 'look', rest);
  if (typeof text !== 'string') return undefined;
  const name = path.trim();
  let held: HeldValue = objectValue(base.objectId, base.isThis ? 'this' : '');
  for (const step of rest) {
    // Elements carry no telling name: the one of what holds them decides about masking.
    const telling = /^\d+$/.test(step) ? held.name : step;
    held = { objectId: undefined, parent: held, ref: { by: 'name', name: step }, name: telling };
  }
  return { ...describeValue(session, held.name, JSON.parse(text) as PreviewNode, held), name, path: name };
}

/** @param text what stands before the caret */
export async function completionsOf(session: VirtualSession, frame: number, text: string): Promise<Completions> {
  const { chain, typed = '' } = BEFORE_CARET.exec(text.slice(-MAX_PATH_LENGTH))?.groups ?? {};
  const start = text.length - (chain?.length ?? 0) - typed.length;
  const nothing = { names: [], replaced: typed.length };
  // What the chain hangs on is no plain name: `f().`, `"…".`, `a[i].`
  if (/[.\])}"'`]\s*$/.test(chain === undefined ? text.slice(0, start) : text.slice(0, start - 1))) return nothing;
  const found = chain === undefined ? await inScopes(session, frame, typed) : await under(session, frame, chain, typed);
  const seen = new Set<string>();
  const names = found.filter(({ name }) => !seen.has(name) && seen.add(name)).slice(0, MAX_NAMES);
  return { names, replaced: typed.length };
}

async function inScopes(session: VirtualSession, frame: number, typed: string): Promise<Completions['names']> {
  const { scopeChain } = callFrameOf(session, frame);
  const lists = await Promise.all(
    scopeChain.slice(0, MAX_SCOPES).map(async ({ type, object: { objectId } }) => {
      // Some thousand globals are of no use before a letter was typed.
      if (objectId === undefined || (type === 'global' && typed === '')) return [];
      return namesIn(session, objectId, [], typed);
    }),
  );
  return lists.flat();
}

async function under(
  session: VirtualSession,
  frame: number,
  chain: string,
  typed: string,
): Promise<Completions['names']> {
  const names = namesOf(chain);
  const base = names === undefined ? undefined : await baseOf(session, frame, names[0] as string);
  if (names === undefined || base === undefined) return [];
  return namesIn(session, base.objectId, base.isThis ? names.slice(1) : names, typed);
}

async function namesIn(
  session: VirtualSession,
  objectId: string,
  path: readonly string[],
  typed: string,
): Promise<Completions['names']> {
  const text = await callTool(session, objectId, 'names', path, typed, MAX_NAMES);
  if (typeof text !== 'string') return [];
  const names = JSON.parse(text) as Completions['names'];
  return names.filter(({ name }) => isIdentifier(name));
}

interface Base {
  readonly objectId: string;
  /** The object itself; else a scope that has the name. */
  readonly isThis: boolean;
}

async function baseOf(session: VirtualSession, frame: number, name: string): Promise<Base | undefined> {
  const { scopeChain, this: self } = callFrameOf(session, frame);
  if (name === 'this') return self.objectId === undefined ? undefined : { objectId: self.objectId, isThis: true };
  for (const [number, { object }] of scopeChain.slice(0, MAX_SCOPES).entries()) {
    const { objectId } = object;
    if (objectId !== undefined && (await callTool(session, objectId, 'has', name)) === true) {
      return { objectId: await liveScope(session, frame, number), isThis: false };
    }
  }
  return undefined;
}

/** The names of a path, outermost first; undefined for anything that is no plain path. */
function namesOf(path: string): string[] | undefined {
  const text = path.trim();
  if (text.length > MAX_PATH_LENGTH) return undefined;
  try {
    const node = parseExpressionAt(text, 0, { ecmaVersion: 'latest' });
    return node.end === text.length ? namesOfNode(node as unknown as SyntaxNode) : undefined;
  } catch {
    // No expression at all: whoever evaluates it says what is wrong.
    return undefined;
  }
}

function namesOfNode(node: SyntaxNode): string[] | undefined {
  if (node.type === 'ThisExpression') return ['this'];
  if (node.type === 'Identifier') return [String(node['name'])];
  if (node.type === 'ChainExpression' && isNode(node['expression'])) return namesOfNode(node['expression']);
  const { object, property } = node as { object?: unknown; property?: unknown };
  if (node.type !== 'MemberExpression' || !isNode(object) || !isNode(property)) return undefined;
  const before = namesOfNode(object);
  const name = node['computed'] === true ? literalName(property) : plainName(property);
  return before === undefined || name === undefined ? undefined : [...before, name];
}

function plainName(property: SyntaxNode): string | undefined {
  return property.type === 'Identifier' ? String(property['name']) : undefined;
}

function literalName(property: SyntaxNode): string | undefined {
  const value = property['value'];
  return property.type === 'Literal' && (typeof value === 'string' || typeof value === 'number')
    ? String(value)
    : undefined;
}
