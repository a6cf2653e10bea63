/** Of the tool's text: what goes deeper than a page, within limits: a snapshot's graph, chains of names, whole values. */

export const WALKS_SOURCE = `
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
  };`;
