/**
 * Scopes and values of one stop of a debug adapter, under the ids by which the engine opens them. The functions that look at
 * values inside a Node program (`inspection-tool/`) are answered from what the adapter lists instead: the adapter runs no
 * code that it does not run for any editor.
 */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type {
  CapturedGraph,
  CapturedItem,
  CaptureLimits,
  ChildItem,
  ChildPage,
  ChildReference,
  PreviewNode,
} from '../../engine/debug/inspection-tool/answers.ts';
import type { TOOL_FUNCTIONS } from '../../engine/debug/inspection-tool/functions.ts';
import type { AdapterRequests } from './adapter-requests.ts';

/** The id of the tool that there is none of. */
export const TOOL_ID = 'tool';
/** Lists longer than this are read in pages where the adapter can. */
const MANY = 1000;
const MAX_TEXT = 1000;
const MAX_LISTED = 10_000;
/** Each object of a snapshot is a request to the adapter, and the program stands meanwhile. */
const MAX_CAPTURED = 40;

type Variable = DebugProtocol.Variable;
type Tool = keyof typeof TOOL_FUNCTIONS;

/** What an id stands for: a scope, found when it is opened, or a value. */
type Held =
  | { readonly kind: 'scope'; readonly frameId: number; readonly index: number }
  | { readonly kind: 'value'; readonly variable: Variable };

export class AdapterValues {
  readonly #requests: AdapterRequests;
  #held = new Map<string, Held>();
  #turn: Promise<unknown> = Promise.resolve();
  #lists = new Map<string, Promise<Variable[]>>();
  #last = 0;

  constructor(requests: AdapterRequests) {
    this.#requests = requests;
  }

  /** The program runs on: the adapter's references are void. */
  clear(): void {
    this.#held = new Map();
    this.#lists = new Map();
  }

  /** Something was evaluated or set: what is listed may differ now. */
  refresh(): void {
    this.#lists = new Map();
  }

  scopesOf(frameId: number): Promise<DebugProtocol.Scope[]> {
    return this.#inTurn(() => this.#askScopes(frameId));
  }

  addScope(frameId: number, index: number): string {
    return this.#add({ kind: 'scope', frameId, index });
  }

  /** A value as V8 would hand it out. */
  remote(variable: Variable): Protocol.Runtime.RemoteObject {
    const className = variable.type ?? '';
    const objectId = this.#add({ kind: 'value', variable });
    return { type: 'object', className, description: variable.value.slice(0, MAX_TEXT), objectId };
  }

  /**
   * Asks something by the reference under which the adapter lists a scope's or value's members.
   *
   * @returns undefined: it has none
   */
  async under<T>(objectId: string, ask: (variablesReference: number) => Promise<T>): Promise<T | undefined> {
    const held = this.#held.get(objectId);
    if (held === undefined) throw stale();
    if (held.kind === 'value') {
      const { variablesReference } = held.variable;
      return variablesReference === 0 ? undefined : ask(variablesReference);
    }
    // LLDB's numbers for scopes are the same in every frame, and mean the one whose scopes were asked for last.
    return this.#inTurn(async () => {
      const scopes = await this.#askScopes(held.frameId);
      const reference = scopes[held.index]?.variablesReference ?? 0;
      return reference === 0 ? undefined : ask(reference);
    });
  }

  /** One of the engine's fixed functions on an object. @returns what it returns: JSON text, a flag, a value */
  async call(tool: Tool, objectId: string, args: readonly unknown[]): Promise<unknown> {
    switch (tool) {
      case 'page': {
        const [, start, count, filter] = args as [number, number, number, string];
        return JSON.stringify(await this.#page(objectId, start, count, filter));
      }
      case 'preview':
      case 'whole':
        return JSON.stringify(this.#previewOf(objectId));
      case 'has':
        return (await this.#list(objectId)).some(({ name }) => name === args[0]);
      case 'look': {
        const found = await this.#follow(objectId, args[0] as readonly string[]);
        return found === undefined ? null : JSON.stringify(nodeOf(found));
      }
      case 'names':
        return this.#names(objectId, args as [readonly string[], string, number]);
      case 'child':
      case 'boxed':
        throw new SandboxError('INTERNAL', `Cannot call "${tool}" on a value of a debug adapter`);
      default:
        return tool satisfies never;
    }
  }

  async child(objectId: string, ref: ChildReference): Promise<Protocol.Runtime.RemoteObject> {
    const name = ref.by === 'name' ? ref.name : '';
    const found = (await this.#list(objectId)).find((variable) => variable.name === name);
    return found === undefined ? { type: 'undefined' } : this.remote(found);
  }

  /** What the scopes reach, breadth first, within limits: one level, since each further object costs a round trip. */
  async capture(limits: CaptureLimits, scopes: readonly string[]): Promise<string> {
    const until = performance.now() + Math.max(limits.ms, 1) * 20;
    const queue: string[] = [...scopes];
    const nodes: CapturedGraph['nodes'][number][] = [];
    let cut = false;
    for (let at = 0; at < queue.length; at += 1) {
      if (performance.now() > until || at >= MAX_CAPTURED + scopes.length) {
        cut = true;
        nodes.push(null);
        continue;
      }
      const isScope = at < scopes.length;
      // The program ran on meanwhile: what is read until then is what there is.
      const listed = await this.#list(queue[at] as string).catch(() => undefined);
      if (listed === undefined) {
        cut = true;
        nodes.push(null);
        continue;
      }
      const items = listed.slice(0, limits.items).map((variable): CapturedItem => {
        const { ref: _ref, ...item } = itemOf(variable);
        const opens = isScope && variable.variablesReference > 0 && queue.length < MAX_CAPTURED + scopes.length;
        return opens ? { ...item, at: queue.push(this.#add({ kind: 'value', variable })) - 1 } : item;
      });
      if (items.length < listed.length) cut = true;
      nodes.push({ total: listed.length, items });
    }
    return JSON.stringify({ nodes, cut } satisfies CapturedGraph);
  }

  #add(held: Held): string {
    const id = `${held.kind}-${++this.#last}`;
    this.#held.set(id, held);
    return id;
  }

  #previewOf(objectId: string): PreviewNode {
    const held = this.#held.get(objectId);
    if (held === undefined) throw stale();
    return held.kind === 'value' ? nodeOf(held.variable) : { t: 'object', k: 'shown', c: 'Scope', v: '', m: true };
  }

  async #page(objectId: string, start: number, count: number, filter: string): Promise<ChildPage> {
    const held = this.#held.get(objectId);
    const indexed = held?.kind === 'value' ? (held.variable.indexedVariables ?? 0) : 0;
    if (indexed > MANY && filter !== 'named') {
      const listed = await this.#list(objectId, { filter: 'indexed', start, count });
      return { total: indexed, items: listed.slice(0, count).map(itemOf), hidden: false };
    }
    const items = (await this.#list(objectId)).map(itemOf);
    const fitting = filter === '' ? items : items.filter(({ kind }) => (kind === 'index') === (filter === 'indexed'));
    return { total: fitting.length, items: fitting.slice(start, start + count), hidden: false };
  }

  async #list(objectId: string, page: object = {}): Promise<Variable[]> {
    const key = `${this.#keyOf(objectId)} ${JSON.stringify(page)}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const asked = this.under(objectId, (variablesReference) =>
      this.#requests.ask<DebugProtocol.VariablesResponse['body']>('variables', { variablesReference, ...page }),
    ).then((body) => ordered((body?.variables ?? []).slice(0, MAX_LISTED)));
    this.#lists.set(key, asked);
    asked.catch(() => this.#lists.delete(key));
    return asked;
  }

  #keyOf(objectId: string): string {
    const held = this.#held.get(objectId);
    if (held === undefined) throw stale();
    return held.kind === 'scope' ? `scope ${held.frameId} ${held.index}` : `value ${held.variable.variablesReference}`;
  }

  async #askScopes(frameId: number): Promise<DebugProtocol.Scope[]> {
    return (await this.#requests.ask<DebugProtocol.ScopesResponse['body']>('scopes', { frameId })).scopes;
  }

  /** One after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    // The next is not to suffer; whoever asked hears of it.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #follow(objectId: string, names: readonly string[]): Promise<Variable | undefined> {
    let at = objectId;
    let found: Variable | undefined;
    for (const name of names) {
      found = (await this.#list(at)).find((variable) => isNamed(variable, name));
      if (found === undefined) return undefined;
      at = this.#add({ kind: 'value', variable: found });
    }
    return found;
  }

  async #names(objectId: string, [chain, typed, most]: [readonly string[], string, number]): Promise<string | null> {
    let at = objectId;
    if (chain.length > 0) {
      const found = await this.#follow(objectId, chain);
      if (found === undefined) return null;
      at = this.#add({ kind: 'value', variable: found });
    }
    const fitting = (await this.#list(at)).filter(({ name }) => name.toLowerCase().startsWith(typed.toLowerCase()));
    return JSON.stringify(fitting.slice(0, most).map(({ name, type = '' }) => ({ name, type })));
  }
}

function nodeOf({ value, type, variablesReference }: Variable): PreviewNode {
  const text = value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  return {
    t: 'object',
    k: 'shown',
    c: type === undefined || type === '' ? 'value' : type,
    v: text,
    ...(variablesReference > 0 ? { m: true as const } : {}),
  };
}

function itemOf(variable: Variable): ChildItem {
  const { name, presentationHint } = variable;
  const isReadOnly = presentationHint?.attributes?.includes('readOnly') === true || isGroup(variable);
  return {
    name,
    ref: { by: 'name', name },
    kind: INDEX.test(name) ? 'index' : 'property',
    writable: !isReadOnly,
    node: nodeOf(variable),
  };
}

const INDEX = /^\[?\d+\]?$/;

/** `special variables` and the like, by which debugpy folds what few look for: they come last. */
function isGroup({ name, value }: Variable): boolean {
  return value === '' && / variables$/.test(name);
}

function ordered(variables: readonly Variable[]): Variable[] {
  return [...variables.filter((variable) => !isGroup(variable)), ...variables.filter(isGroup)];
}

/** A key of a dictionary is listed as the language writes it: `'tea'`. */
function isNamed({ name }: Variable, wanted: string): boolean {
  return name === wanted || name === `[${wanted}]` || name === `'${wanted}'` || name === `"${wanted}"`;
}

function stale(): SandboxError {
  return new SandboxError('HANDLE_STALE', 'Cannot open this value: the program has moved on since it was shown', {
    hint: 'Look at the scopes again.',
  });
}
