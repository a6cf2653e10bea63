/** Scripts as syntax trees: parsing what Node runs, whichever its module kind, and walking what comes out. */

import { parse } from 'acorn';

/** Lines count from 1, columns from 0. */
interface SyntaxPosition {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxNode {
  readonly type: string;
  /** Offsets in UTF-16 units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  readonly loc: { readonly start: SyntaxPosition; readonly end: SyntaxPosition };
  readonly [key: string]: unknown;
}

/** For expressions out of their place: only there is it known which private fields there are. */
export const EXPRESSION_SYNTAX = { ecmaVersion: 'latest', checkPrivateFields: false } as const;

export const FUNCTION_TYPES: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
]);

/** What a variable can be called; a reserved word passes too. */
export function isIdentifier(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name);
}

/** @returns undefined when the text is no script that we understand */
export function parseScript(text: string): SyntaxNode | undefined {
  for (const sourceType of ['module', 'script'] as const) {
    try {
      const options = { ecmaVersion: 'latest', sourceType, locations: true, allowHashBang: true } as const;
      // Node wraps CommonJS in a function, hence a `return` at its top is legal.
      return parse(text, { ...options, allowReturnOutsideFunction: true }) as unknown as SyntaxNode;
    } catch {
      // The other source type may take it; what neither takes holds nothing that we could place.
    }
  }
  return undefined;
}

export function* childrenOf(node: SyntaxNode): Generator<SyntaxNode> {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const entry of value) if (isNode(entry)) yield entry;
    } else if (isNode(value)) {
      yield value;
    }
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}
