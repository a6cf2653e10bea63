/** Expressions of logpoints and tracepoints: what may stand in one, and what it means where code is injected. */

import { parseExpressionAt } from 'acorn';
import { endsByItself, expressionProblem } from '../breakpoints/condition.ts';
import { childrenOf, EXPRESSION_SYNTAX, FUNCTION_TYPES, type SyntaxNode } from '../syntax.ts';

/** Words that mean something else where the program awaits or yields. */
const CONTEXTUAL: ReadonlySet<string> = new Set(['await', 'yield', 'arguments']);

/** @returns undefined when it is one expression on one line, without comments */
export function probeExpressionProblem(text: string): string | undefined {
  const problem = expressionProblem(text);
  if (problem !== undefined) return problem;
  let comments = 0;
  parseExpressionAt(text, 0, { ...EXPRESSION_SYNTAX, onComment: () => comments++ });
  if (comments > 0 || /\/[/*]/.test(text.slice(endOf(text)))) return `"${text.slice(0, 80)}" has a comment`;
  return /[\n\r\u2028\u2029]/.test(text) ? `"${text.slice(0, 80)}" is on several lines` : undefined;
}

function endOf(text: string): number {
  return parseExpressionAt(text, 0, { ...EXPRESSION_SYNTAX, preserveParens: true }).end;
}

/** Names that an expression takes from around it. */
export interface ExpressionNames {
  readonly names: ReadonlySet<string>;
  /** An arrow function in it uses one of them: as injected code it would change what the program's functions keep. */
  readonly captures: boolean;
}

/**
 * @returns undefined for what must not be injected: it may not end by itself, or means something else there
 */
export function namesOf(expression: string): ExpressionNames | undefined {
  if (!endsByItself(expression)) return undefined;
  const root = parseExpressionAt(expression, 0, EXPRESSION_SYNTAX) as unknown as SyntaxNode;
  const names = new Set<string>();
  let captures = false;
  let unusable = false;
  const visit = (node: SyntaxNode, own: ReadonlySet<string> | undefined): void => {
    if (node.type === 'ThisExpression') captures ||= own !== undefined;
    if (node.type === 'Identifier') {
      const name = String(node['name']);
      if (CONTEXTUAL.has(name)) unusable = true;
      if (own?.has(name) === true) return;
      names.add(name);
      captures ||= own !== undefined;
      return;
    }
    if (FUNCTION_TYPES.has(node.type)) {
      const params = node['params'] as SyntaxNode[];
      if (params.some(({ type }) => type !== 'Identifier')) unusable = true;
      const known = new Set([...(own ?? []), ...params.map((param) => String(param['name']))]);
      return visit(node['body'] as SyntaxNode, known);
    }
    for (const child of referencesIn(node)) visit(child, own);
  };
  visit(root, undefined);
  return unusable ? undefined : { names, captures };
}

/** Children, less the names of properties. */
export function* referencesIn(node: SyntaxNode): Generator<SyntaxNode> {
  const isNamed = node.type === 'MemberExpression' || node.type === 'Property' || node.type === 'MethodDefinition';
  const isPlain = (isNamed || node.type === 'PropertyDefinition') && node['computed'] !== true;
  const skipped = isPlain ? (node['property'] ?? node['key']) : undefined;
  for (const child of childrenOf(node)) {
    // In `{ name }` key and value are one and the same.
    if (child !== skipped || node['shorthand'] === true) yield child;
  }
}
