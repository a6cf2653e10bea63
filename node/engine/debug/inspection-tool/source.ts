/**
 * The code that looks at values inside the target. It runs none of the program's own: no getter, no proxy trap, no
 * `toString`, and what it returns is bounded, so that a 50 MB string or a million entries cost as little as ten. V8's
 * own previews do not do that (measured: 3.9 s for the preview of a Map of a million).
 */

import { CHILDREN_SOURCE } from './children.ts';
import { TOOL_URL } from './functions.ts';
import { PREVIEWS_SOURCE } from './previews.ts';
import { WALKS_SOURCE } from './walks.ts';

/** Evaluates to the tool, which closes over what it needs before the program can change it. */
export const TOOL_SOURCE = `(() => {
  'use strict';
${PREVIEWS_SOURCE}
${CHILDREN_SOURCE}
${WALKS_SOURCE}
  return {
    __proto__: null,
    page: (value, stop, start, count, filter) => { at(stop); return stringify(page(value, start, count, filter)); },
    look: (value, chain) => { at(0); return look(value, chain); },
    names,
    whole: (value) => { at(0); return whole(value); },
    preview: (value, stop) => { at(stop); return stringify(preview(value, 0)); },
    boxed: (box) => { at(0); return stringify({ threw: box[0], node: preview(box[1], 0) }); },
    capture: (scopes, limits) => { at(0); return stringify(capture(scopes, limits)); },
    has,
    merge,
    child,
  };
})()
//# sourceURL=${TOOL_URL}`;
