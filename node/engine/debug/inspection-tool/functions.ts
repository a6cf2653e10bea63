/** How the inspection tool is called: functions with a value of the target as `this`, and expressions. */

/** Name under which the engine's own evaluations appear as scripts: they are not the program's. */
export const TOOL_URL = 'sandmesh:inspection';

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

/** Of a scope object and the variables of it that were read anew → both as one object. The host's own. */
export const MERGE_FUNCTION = 'function(tool, read) { return tool.merge(this, read); }';

/** Of the tool itself → JSON of {@link CapturedGraph}. The host's own: with limits of their choice a guest could hold the program. */
export const CAPTURE_FUNCTION = 'function(limits, ...scopes) { return this.capture(scopes, limits); }';

/**
 * Wraps what somebody typed so that its value comes back in a box `[threw, value]`, whatever its size. A statement is
 * run by `eval` and gives its completion value; `awaiting` gives a promise of the box.
 */
export function boxedExpression(text: string, kind: 'expression' | 'awaiting' | 'statements'): string {
  if (kind === 'awaiting') return `(async()=>{try{return[false,(${text}\n)]}catch(error){return[true,error]}})()`;
  const value = kind === 'expression' ? `(${text}\n)` : `eval(${JSON.stringify(text)})`;
  return `(()=>{try{return[false,${value}]}catch(error){return[true,error]}})()`;
}
