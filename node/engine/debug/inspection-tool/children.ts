/** Of the tool's text: a value's children, page by page, and how one is reached. */

export const CHILDREN_SOURCE = `
  const item = (name, ref, found, kind) => {
    const isAccessor = found !== undefined && !('value' in found);
    return { name, ref, kind: isAccessor ? 'accessor' : kind, writable: !!(found && (found.writable || found.set)), node: slot(found, 0) };
  };
  const indexed = (value, size, start, count) => {
    const items = [];
    for (let i = start; i < size && i < start + count; i++) {
      const found = describe(value, i);
      if (found !== undefined) items.push(item(text(i), { by: 'name', name: text(i) }, found, 'index'));
      else items.push({ name: text(i), ref: { by: 'name', name: text(i) }, kind: 'index', writable: true, node: EMPTY });
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
  /** Object.prototype, of another context too: nothing else without a prototype has it. */
  const isPlain = (proto) =>
    proto === objectProto ||
    (!isProxy(proto) && getPrototypeOf(proto) === null && describe(proto, '__lookupGetter__') !== undefined);
  const has = (scope, name) => {
    // It throws for a variable of the scope's whose declaration has not run.
    try { return !isProxy(scope) && describe(scope, name) !== undefined; } catch { return true; }
  };
  /** In the order of the copy, which also has what could not be read by its name. */
  const merge = (scope, read) => {
    const merged = { __proto__: null };
    for (const name in scope) {
      try { merged[name] = name in read ? read[name] : scope[name]; } catch { merged[name] = UNSET; }
    }
    return merged;
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
    const isInstance = proto !== null && !isPlain(proto) && kind === 'object';
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
  /** The property by that name of the object or its prototypes; undefined where a proxy is in the way. */
  const inherited = (object, key) => {
    for (let at = object, i = 0; i < 20 && at !== null && !isProxy(at); i++) {
      const found = safely(at, key);
      if (found !== undefined) return found;
      at = getPrototypeOf(at);
    }
    return undefined;
  };`;
