/** What the inspection tool answers: made in the target, rendered at the host. */

/** A value reduced to what a preview needs. */
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
