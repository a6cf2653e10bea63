/** Of the tool's text: what it closes over, and a value reduced to a preview. */

export const PREVIEWS_SOURCE = `
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
  const EMPTY = { t: 'empty', v: '<empty>' }, UNAVAILABLE = { t: 'unavailable', v: '<unavailable>' };
  /** What stands, in an object made of a scope, for a variable whose declaration has not run. */
  const UNSET = { __proto__: null };
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
  // Node's own: tests that run in a context of theirs put their clocks into its process.
  const hrtime = (builtin?.('process') ?? globalThis.process)?.hrtime, dateNow = Date.now;
  const clock = () => {
    if (typeof hrtime !== 'function') return dateNow();
    const now = apply(hrtime, undefined, []);
    return now[0] * 1e3 + now[1] / 1e6;
  };
  const isProxy = types ? types.isProxy : () => false;
  const own = (object, key) => {
    const found = safely(object, key);
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
    if (value === UNSET) return UNAVAILABLE;
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
      for (let i = 0; i < s && i < shown; i++) {
        const found = describe(value, i);
        e.push([text(i), found === undefined ? EMPTY : slot(found, depth + 1)]);
      }
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
    // A module namespace, and a scope from Node 22 on, throws for a binding that is not initialised yet.
    try { return describe(object, key); } catch { return undefined; }
  };
  const slot = (found, depth) => {
    if (found === undefined) return UNAVAILABLE;
    if ('value' in found) return preview(found.value, depth);
    return { t: 'accessor', v: found.get ? '(getter)' : '(setter)' };
  };`;
