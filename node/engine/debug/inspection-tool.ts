/**
 * The code that looks at values inside the target. It runs none of the program's own: no getter, no proxy trap, no
 * `toString`, and what it returns is bounded, so that a 50 MB string or a million entries cost as little as ten. V8's
 * own previews do not do that (measured: 3.9 s for the preview of a Map of a million).
 */

/** Name under which the engine's own evaluations appear as scripts: they are not the program's. */
export const TOOL_URL = 'sandmesh:inspection';

/** A value reduced to what a preview needs; made in the target, rendered at the host. */
export interface PreviewNode {
  /** `typeof`, or `null`. */
  readonly t: string;
  /** Text of a primitive (strings cut), a function's name, a date, an error's message … */
  readonly v?: string;
  /** Length of a string that was cut. */
  readonly n?: number;
  /** Class name of an object. */
  readonly c?: string;
  /** `shown`: text as the debugger of another language shows it, to be opened where `m` says so. */
  readonly k?: 'object' | 'array' | 'map' | 'set' | 'error' | 'text' | 'proxy' | 'opaque' | 'promise' | 'shown';
  /** Number of elements. */
  readonly s?: number;
  /** Children: `[name, value]`, the name a node itself in a map. */
  readonly e?: readonly (readonly [string | PreviewNode, PreviewNode])[];
  /** Children were left out. */
  readonly m?: true;
}

export interface BoxedPreview {
  readonly threw: boolean;
  readonly node: PreviewNode;
}

/** How a child is reached from its parent: own property, n-th own symbol, n-th entry, prototype. */
export type ChildReference =
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'symbol'; readonly index: number }
  | { readonly by: 'entry'; readonly index: number }
  | { readonly by: 'prototype' };

export interface ChildItem {
  readonly name: string;
  readonly ref: ChildReference;
  readonly kind: 'property' | 'accessor' | 'index' | 'internal';
  readonly writable: boolean;
  readonly node: PreviewNode;
}

export interface ChildPage {
  readonly total: number;
  readonly items: readonly ChildItem[];
  /** V8 knows more of it than code can see: private fields, a promise's state, a proxy's target. */
  readonly hidden: boolean;
}

/** What a capture may cost: the first that is reached ends it. */
export interface CaptureLimits {
  readonly nodes: number;
  /** Children of one object. */
  readonly items: number;
  readonly depth: number;
  /** Characters of previews, roughly what travels. */
  readonly chars: number;
  readonly ms: number;
}

/** Objects reachable from scopes, breadth first: what stands nearest is there when a limit ends it. */
export interface CapturedGraph {
  /** By position; null: not read. The scopes come first. */
  readonly nodes: readonly ({ readonly total: number; readonly items: readonly CapturedItem[] } | null)[];
  /** A limit other than that of depth was reached. */
  readonly cut: boolean;
}

export interface CapturedItem extends Omit<ChildItem, 'ref'> {
  /** Position of the object behind it. */
  readonly at?: number;
}

/** Functions the allow-list lets run in a target on behalf of somebody who may only look. `tool` is the installed tool. */
export const TOOL_FUNCTIONS = {
  /** → JSON of {@link ChildPage}; `stop` tells stops of the program apart, 0: it runs */
  page: 'function(tool, stop, start, count, filter) { return tool.page(this, stop, start, count, filter); }',
  /** → JSON of {@link PreviewNode} */
  preview: 'function(tool, stop) { return tool.preview(this, stop); }',
  /** → the child itself */
  child: 'function(tool, ref) { return tool.child(this, ref); }',
  /** Of a box `[threw, value]` → JSON of {@link BoxedPreview} */
  boxed: 'function(tool) { return tool.boxed(this); }',
  /** Of what a chain of names leads to → JSON of {@link PreviewNode}; null: it cannot be told without running code */
  look: 'function(tool, names) { return tool.look(this, names); }',
  /** Of what a chain of names leads to → JSON of `{name, type}` of those of its names that begin with `typed` */
  names: 'function(tool, chain, typed, most) { return tool.names(this, chain, typed, most); }',
  /** → JSON of a {@link PreviewNode} that is deeper than a preview */
  whole: 'function(tool) { return tool.whole(this); }',
  /** → whether a scope object has the variable */
  has: 'function(tool, name) { return tool.has(this, name); }',
} as const;

/** Of the tool itself → JSON of {@link CapturedGraph}. The host's own: with limits of their choice a guest could hold the program. */
export const CAPTURE_FUNCTION = 'function(limits, ...scopes) { return this.capture(scopes, limits); }';

/** Evaluates to the tool, which closes over what it needs before the program can change it. */
export const TOOL_SOURCE = `(() => {
  'use strict';
  const { getOwnPropertyDescriptor: describe, getPrototypeOf, getOwnPropertySymbols: symbols } = Object;
  const { ownKeys, apply } = Reflect;
  const { stringify } = JSON;
  const builtin = globalThis.process?.getBuiltinModule ?? (typeof require === 'function' ? require : undefined);
  const types = builtin?.('util').types;
  const getter = (proto, name) => describe(proto, name).get;
  const mapSize = getter(Map.prototype, 'size'), setSize = getter(Set.prototype, 'size');
  const mapEntries = Map.prototype.entries, setValues = Set.prototype.values;
  const mapNext = new Map().entries().next, setNext = new Set().values().next;
  const typedLength = getter(getPrototypeOf(Uint8Array.prototype), 'length');
  const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
  const isoString = Date.prototype.toISOString, time = Date.prototype.getTime;
  const source = getter(RegExp.prototype, 'source'), flags = getter(RegExp.prototype, 'flags');
  const symbolText = Symbol.prototype.toString, bigText = BigInt.prototype.toString;
  const cutString = String.prototype.slice, isArray = Array.isArray, isView = ArrayBuffer.isView;
  const objectProto = Object.prototype, text = String;
  const weakGet = WeakMap.prototype.get, weakSet = WeakMap.prototype.set;
  const LONG = 1000, SHORT = 60, SCANNED = 20000, MANY = 1000;
  // V8 lists all keys of an object or none: a quarter of a second for 200,000, however few are shown. They are kept
  // while the program stands, until something is evaluated.
  let listed = { stop: 0, keys: new WeakMap() };
  const at = (stop) => { if (listed.stop !== stop) listed = { stop, keys: new WeakMap() }; };
  const keysOf = (object) => {
    const known = listed.stop === 0 ? undefined : apply(weakGet, listed.keys, [object]);
    if (known !== undefined) return known;
    const keys = ownKeys(object);
    if (keys.length > MANY && listed.stop !== 0) apply(weakSet, listed.keys, [object, keys]);
    return keys;
  };
  const mapGet = Map.prototype.get, mapSet = Map.prototype.set;
  const hrtime = globalThis.process?.hrtime, dateNow = Date.now;
  const clock = () => {
    if (typeof hrtime !== 'function') return dateNow();
    const now = apply(hrtime, undefined, []);
    return now[0] * 1e3 + now[1] / 1e6;
  };
  const isProxy = types ? types.isProxy : () => false;
  const own = (object, key) => {
    const found = describe(object, key);
    return found !== undefined && 'value' in found ? found.value : undefined;
  };
  const className = (object) => {
    let at = object;
    for (let i = 0; i < 20; i++) {
      if (at === null) return 'Object';
      if (isProxy(at)) return 'Object';
      const made = own(at, 'constructor');
      if (typeof made === 'function' && !isProxy(made)) {
        const name = own(made, 'name');
        if (typeof name === 'string' && name !== '') return cut(name, SHORT);
      }
      at = getPrototypeOf(at);
    }
    return 'Object';
  };
  const cut = (string, limit) => (string.length > limit ? apply(cutString, string, [0, limit]) : string);
  const primitive = (value, limit) => {
    const t = typeof value;
    if (value === null) return { t: 'null', v: 'null' };
    if (t === 'string') return value.length > limit ? { t, v: cut(value, limit), n: value.length } : { t, v: value };
    if (t === 'bigint') {
      const digits = value > -(10n ** 100n) && value < 10n ** 100n;
      return { t, v: digits ? apply(bigText, value, []) + 'n' : '(huge)' };
    }
    if (t === 'symbol') return { t, v: cut(apply(symbolText, value, []), limit) };
    return { t, v: Object.is(value, -0) ? '-0' : text(value) };
  };
  const isPrimitive = (value) => value === null || (typeof value !== 'object' && typeof value !== 'function');
  const functionNode = (value) => {
    const name = own(value, 'name');
    const c = typeof name === 'string' ? cut(name, SHORT) : '';
    return { t: 'function', v: c, c: 'Function' };
  };
  const kindOf = (value) => {
    if (isArray(value) || (isView(value) && !types?.isDataView(value))) return 'array';
    if (types?.isMap(value)) return 'map';
    if (types?.isSet(value)) return 'set';
    if (types?.isPromise(value)) return 'promise';
    return 'object';
  };
  const sizeOf = (value, kind) => {
    if (kind === 'array') return isArray(value) ? own(value, 'length') : apply(typedLength, value, []);
    if (kind === 'map') return apply(mapSize, value, []);
    if (kind === 'set') return apply(setSize, value, []);
    return undefined;
  };
  const special = (value, c) => {
    if (!types) return undefined;
    const t = 'object';
    if (types.isDate(value)) {
      const at = apply(time, value, []);
      return { t, c, k: 'text', v: at === at ? apply(isoString, value, []) : 'Invalid Date' };
    }
    if (types.isRegExp(value)) {
      return { t, c, k: 'text', v: cut('/' + apply(source, value, []) + '/' + apply(flags, value, []), LONG) };
    }
    if (types.isNativeError(value)) {
      const message = own(value, 'message'), name = own(value, 'name');
      const v = typeof message === 'string' ? cut(message, LONG) : '';
      return { t, c: typeof name === 'string' ? cut(name, SHORT) : c, k: 'error', v };
    }
    if (types.isAnyArrayBuffer(value)) {
      const s = types.isSharedArrayBuffer(value) ? undefined : apply(bufferLength, value, []);
      return s === undefined ? { t, c, k: 'opaque' } : { t, c, k: 'opaque', s };
    }
    if (types.isWeakMap(value) || types.isWeakSet(value) || types.isDataView(value)) return { t, c, k: 'opaque' };
    return undefined;
  };
  const entries = function* (value, kind, start, count) {
    const iterator = kind === 'map' ? apply(mapEntries, value, []) : apply(setValues, value, []);
    const next = kind === 'map' ? mapNext : setNext;
    for (let i = 0; i < start + count; i++) {
      const step = apply(next, iterator, []);
      if (step.done) return;
      if (i >= start) yield [i, step.value];
    }
  };
  const preview = (value, depth) => {
    const limit = depth === 0 ? LONG : SHORT;
    if (isPrimitive(value)) return primitive(value, limit);
    if (isProxy(value)) return { t: typeof value, c: 'Proxy', k: 'proxy' };
    if (typeof value === 'function') return functionNode(value);
    const c = className(value);
    const known = special(value, c);
    if (known) return known;
    const k = kindOf(value), s = sizeOf(value, k), t = 'object';
    if (k === 'promise') return { t, c, k };
    if (depth >= 2) return s === undefined ? { t, c, k, m: true } : { t, c, k, s, m: true };
    const shown = depth === 0 ? (k === 'array' ? 20 : 10) : 4;
    const e = [];
    let m = false;
    if (k === 'map' || k === 'set') {
      for (const [i, entry] of entries(value, k, 0, shown)) {
        if (k === 'map') e.push([preview(entry[0], depth + 1), preview(entry[1], depth + 1)]);
        else e.push([text(i), preview(entry, depth + 1)]);
      }
      m = s > shown;
    } else if (k === 'array') {
      for (let i = 0; i < s && i < shown; i++) e.push([text(i), slot(describe(value, i), depth + 1)]);
      m = s > shown;
    } else {
      const keys = keysOf(value);
      for (let i = 0; i < keys.length; i++) {
        if (i >= shown) { m = true; break; }
        const key = keys[i];
        const name = typeof key === 'symbol' ? '[' + apply(symbolText, key, []) + ']' : cut(key, 100);
        e.push([name, slot(safely(value, key), depth + 1)]);
      }
    }
    const node = { t, c, k, e };
    if (s !== undefined) node.s = s;
    if (m) node.m = true;
    return node;
  };
  const safely = (object, key) => {
    // A module namespace throws for a binding that is not initialised yet.
    try { return describe(object, key); } catch { return undefined; }
  };
  const slot = (found, depth) => {
    if (found === undefined) return { t: 'unavailable', v: '<unavailable>' };
    if ('value' in found) return preview(found.value, depth);
    return { t: 'accessor', v: found.get ? '(getter)' : '(setter)' };
  };
  const item = (name, ref, found, kind) => {
    const isAccessor = found !== undefined && !('value' in found);
    return { name, ref, kind: isAccessor ? 'accessor' : kind, writable: !!(found && (found.writable || found.set)), node: slot(found, 0) };
  };
  const indexed = (value, size, start, count) => {
    const items = [];
    for (let i = start; i < size && i < start + count; i++) {
      const found = describe(value, i);
      if (found !== undefined) items.push(item(text(i), { by: 'name', name: text(i) }, found, 'index'));
      else items.push({ name: text(i), ref: { by: 'name', name: text(i) }, kind: 'index', writable: true, node: { t: 'empty', v: '<empty>' } });
    }
    return items;
  };
  const named = (value, start, count, skip) => {
    let keys = keysOf(value);
    if (skip > 0) keys = keys.slice(skip);
    const items = [];
    let symbol = 0;
    for (let i = 0; i < keys.length && i < start + count; i++) {
      const key = keys[i];
      const isSymbol = typeof key === 'symbol';
      const ref = isSymbol ? { by: 'symbol', index: symbol++ } : { by: 'name', name: key };
      if (i < start) continue;
      const name = isSymbol ? '[' + cut(apply(symbolText, key, []), 200) + ']' : cut(key, 300);
      items.push(item(name, ref, safely(value, key), 'property'));
    }
    return { items, total: keys.length };
  };
  /** Own names besides the elements; holes make the count of index keys smaller than the length. */
  const beside = (value, size, start, count) => {
    let elements = 0;
    for (let i = 0; i < size; i++) if (describe(value, i) !== undefined) elements++;
    return named(value, start, count, elements + (isArray(value) ? 1 : 0));
  };
  const page = (value, start, count, filter) => {
    if (isPrimitive(value)) return { total: 0, items: [], hidden: false };
    if (isProxy(value)) return { total: 0, items: [], hidden: true };
    const kind = kindOf(value), size = sizeOf(value, kind);
    let items, total;
    const isList = size !== undefined;
    if (isList ? filter === 'named' && kind !== 'array' : filter === 'indexed') {
      [items, total] = [[], 0];
    } else if (filter === 'named' && isList) {
      ({ items, total } = size > SCANNED ? { items: [], total: 0 } : beside(value, size, start, count));
    } else if (kind === 'map' || kind === 'set') {
      items = [];
      for (const [i, entry] of entries(value, kind, start, count)) {
        const e = kind === 'map' ? [[preview(entry[0], 1), preview(entry[1], 1)]] : undefined;
        const node = e ? { t: 'object', c: 'Entry', k: 'map', e } : preview(entry, 0);
        items.push({ name: text(i), ref: { by: 'entry', index: i }, kind: 'index', writable: false, node });
      }
      total = size;
    } else if (kind === 'array') {
      items = indexed(value, size, start, count);
      total = size;
      if (filter !== 'indexed' && size <= SCANNED && items.length < count) {
        const more = beside(value, size, start > size ? start - size : 0, count - items.length);
        items.push(...more.items);
        total += more.total;
      }
    } else {
      ({ items, total } = named(value, start, count, 0));
    }
    const proto = getPrototypeOf(value);
    const isInstance = proto !== null && proto !== objectProto && kind === 'object';
    if (start === 0 && isInstance && filter !== 'indexed') items.push({ name: '[[Prototype]]', ref: { by: 'prototype' }, kind: 'internal', writable: false, node: preview(proto, 1) });
    let hidden = kind === 'promise' || types?.isGeneratorObject(value) === true || typeof value === 'function';
    if (isInstance) {
      hidden = total <= 200;
      // V8 would send strings whole: then private fields stay unseen rather than 50 MB travel.
      for (const { node } of items) if (node.n > 100000) hidden = false;
    }
    return { total, items, hidden };
  };
  const child = (value, ref) => {
    if (ref.by === 'prototype') return getPrototypeOf(value);
    if (ref.by === 'symbol') return own(value, symbols(value)[ref.index]);
    if (ref.by === 'name') return inherited(value, ref.name)?.value;
    const kind = kindOf(value);
    for (const [, entry] of entries(value, kind, ref.index, 1)) {
      return kind === 'map' ? { __proto__: null, key: entry[0], value: entry[1] } : entry;
    }
    return undefined;
  };
  const capture = (scopes, limits) => {
    const seen = new Map(), queue = [], nodes = [];
    const started = clock();
    let cut = false, chars = 0;
    const placeOf = (value, depth) => {
      const known = apply(mapGet, seen, [value]);
      if (known !== undefined) return known;
      if (depth > limits.depth) return undefined;
      if (queue.length >= limits.nodes) { cut = true; return undefined; }
      apply(mapSet, seen, [value, queue.length]);
      queue.push({ __proto__: null, value, depth });
      return queue.length - 1;
    };
    for (let i = 0; i < scopes.length; i++) queue.push({ __proto__: null, value: scopes[i], depth: 0 });
    for (let i = 0; i < queue.length; i++) {
      if (chars > limits.chars || clock() - started > limits.ms) { cut = true; nodes.push(null); continue; }
      const { value, depth } = queue[i];
      const { total, items } = page(value, 0, limits.items);
      const kept = [];
      for (let j = 0; j < items.length; j++) {
        const { name, ref, kind, writable, node } = items[j];
        if (kind === 'internal') continue;
        const opens = node.t === 'object' && (node.k === 'object' || node.k === 'array' || node.k === 'map' || node.k === 'set' || node.k === 'error');
        const place = opens ? placeOf(child(value, ref), depth + 1) : undefined;
        kept.push({ name, kind, writable, node, at: place });
      }
      if (kept.length < total) cut = true;
      const done = { total, items: kept };
      chars += stringify(done).length;
      nodes.push(done);
    }
    return { nodes, cut };
  };
  /** The property by that name of the object or its prototypes; undefined where a proxy is in the way. */
  const inherited = (object, key) => {
    for (let at = object, i = 0; i < 20 && at !== null && !isProxy(at); i++) {
      const found = safely(at, key);
      if (found !== undefined) return found;
      at = getPrototypeOf(at);
    }
    return undefined;
  };
  const FAILED = {};
  const follow = (value, chain) => {
    let at = value;
    for (let i = 0; i < chain.length; i++) {
      if (isPrimitive(at) || isProxy(at)) return FAILED;
      const found = inherited(at, chain[i]);
      if (found === undefined ? i < chain.length - 1 : !('value' in found)) return FAILED;
      at = found === undefined ? undefined : found.value;
    }
    return at;
  };
  const look = (value, chain) => {
    const at = follow(value, chain);
    return at === FAILED ? null : stringify(preview(at, 0));
  };
  const names = (value, chain, typed, most) => {
    const found = follow(value, chain);
    if (found === FAILED || found === undefined || found === null) return null;
    const list = [];
    const wanted = text(typed).toLowerCase();
    for (let at = isPrimitive(found) ? getPrototypeOf(found) : found, i = 0; i < 20 && at !== null && !isProxy(at); i++) {
      const keys = ownKeys(at);
      for (let k = 0; k < keys.length && list.length < most; k++) {
        const key = keys[k];
        if (typeof key !== 'string' || key.length > 100 || !key.toLowerCase().startsWith(wanted)) continue;
        const here = safely(at, key);
        list.push({ name: key, type: here && 'value' in here ? typeof here.value : 'accessor' });
      }
      at = getPrototypeOf(at);
    }
    return stringify(list);
  };
  const whole = (value) => {
    let budget = 2000;
    const write = (value, depth) => {
      budget--;
      if (isPrimitive(value)) return primitive(value, 20000);
      if (isProxy(value) || typeof value === 'function') return preview(value, 0);
      const c = className(value);
      const known = special(value, c);
      const k = kindOf(value), s = sizeOf(value, k);
      if (known || k === 'promise' || depth > 8) return known ?? { t: 'object', c, k, m: true };
      const e = [];
      const add = (name, found) => void e.push([name, found && 'value' in found ? write(found.value, depth + 1) : slot(found, 1)]);
      let i = 0;
      if (k === 'map' || k === 'set') {
        for (const [at, entry] of entries(value, k, 0, budget)) {
          if (budget <= 0) break;
          if (k === 'map') e.push([preview(entry[0], 1), write(entry[1], depth + 1)]);
          else e.push([text(at), write(entry, depth + 1)]);
        }
      } else if (k === 'array') {
        for (; i < s && budget > 0; i++) add(text(i), describe(value, i));
      } else {
        for (const key of ownKeys(value)) {
          if (budget <= 0) break;
          i++;
          if (typeof key === 'string') add(cut(key, 300), safely(value, key));
        }
      }
      const node = { t: 'object', c, k, e };
      if (s !== undefined) node.s = s;
      if (budget <= 0) node.m = true;
      return node;
    };
    return stringify(write(value, 0));
  };
  return {
    __proto__: null,
    page: (value, stop, start, count, filter) => { at(stop); return stringify(page(value, start, count, filter)); },
    look: (value, chain) => { at(0); return look(value, chain); },
    names,
    whole: (value) => { at(0); return whole(value); },
    preview: (value, stop) => { at(stop); return stringify(preview(value, 0)); },
    boxed: (box) => { at(0); return stringify({ threw: box[0], node: preview(box[1], 0) }); },
    capture: (scopes, limits) => { at(0); return stringify(capture(scopes, limits)); },
    has: (scope, name) => !isProxy(scope) && describe(scope, name) !== undefined,
    child,
  };
})()
//# sourceURL=${TOOL_URL}`;

/**
 * Wraps what somebody typed so that its value comes back in a box `[threw, value]`, whatever its size. A statement is
 * run by `eval` and gives its completion value; `awaiting` gives a promise of the box.
 */
export function boxedExpression(text: string, kind: 'expression' | 'awaiting' | 'statements'): string {
  if (kind === 'awaiting') return `(async()=>{try{return[false,(${text}\n)]}catch(error){return[true,error]}})()`;
  const value = kind === 'expression' ? `(${text}\n)` : `eval(${JSON.stringify(text)})`;
  return `(()=>{try{return[false,${value}]}catch(error){return[true,error]}})()`;
}
