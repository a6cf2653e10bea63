/**
 * Conditions as code: each must be exactly one expression, and several on one line become one guarded expression,
 * since V8 takes only one breakpoint per place. V8 may be given those that surely end: it runs a condition with every
 * interrupt put off, so that nothing, not even `terminateExecution`, stops one that does not (measured on 20.20).
 */

import { parseExpressionAt } from 'acorn';
import { childrenOf, EXPRESSION_SYNTAX, FUNCTION_TYPES, isNode, type SyntaxNode } from '../syntax.ts';

/** What may follow the expression: nothing but space and comments. */
const NOTHING_MORE = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*)*$/;

/**
 * Whether a text is one JavaScript expression, so that wrapping it in parentheses cannot change its meaning.
 *
 * @param options `await`: take `await` as the operator, as in an async function
 * @returns undefined when it is, else what is wrong with it, in one sentence
 */
export function expressionProblem(text: string, options: { await?: boolean } = {}): string | undefined {
  try {
    const node = parseExpressionAt(text, 0, {
      ...EXPRESSION_SYNTAX,
      preserveParens: true,
      allowAwaitOutsideFunction: options.await === true,
    });
    if (NOTHING_MORE.test(text.slice(node.end))) return undefined;
    return `"${cut(text)}" is more than one expression`;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/ \(\d+:\d+\)$/, '') : String(error);
    return `"${cut(text)}" is not an expression: ${why}`;
  }
}

/** One of several conditions of a place. */
export interface MergedCondition {
  /** Passed {@link expressionProblem}. */
  readonly condition: string;
  /** It stops the program where it throws, to be looked at. Otherwise that counts as false, and hides no other. */
  readonly stopsAtThrow: boolean;
}

/** ORs conditions into one. */
export function mergeConditions(conditions: readonly MergedCondition[]): string {
  // The line break ends a trailing `//` comment inside a condition.
  const tries = conditions.map(({ condition, stopsAtThrow }) => {
    return `try{if(${condition}\n)return true}catch{${stopsAtThrow ? 'return true' : ''}}`;
  });
  return `(()=>{${[...new Set(tries)].join('')}return false})()`;
}

/** Syntax that ends by itself, except for what it calls. */
const BOUNDED_SYNTAX: ReadonlySet<string> = new Set([
  'ArrayExpression',
  'ArrowFunctionExpression',
  'BinaryExpression',
  'CallExpression',
  'ChainExpression',
  'ConditionalExpression',
  'Identifier',
  'Literal',
  'LogicalExpression',
  'MemberExpression',
  'ObjectExpression',
  'ParenthesizedExpression',
  'PrivateIdentifier',
  'Property',
  'SequenceExpression',
  'TemplateElement',
  'TemplateLiteral',
  'ThisExpression',
  'UnaryExpression',
]);
/** Built-in functions that end, under the names they have: what a program calls so ends as well, as a rule. */
const BOUNDED_CALLS: ReadonlySet<string> = new Set(
  (
    'abs at Boolean ceil charAt charCodeAt codePointAt endsWith every filter find findIndex findLast findLastIndex ' +
    'floor get getTime has hasOwn hasOwnProperty includes indexOf isArray isFinite isInteger isNaN isSafeInteger join ' +
    'keys lastIndexOf map max min Number parseFloat parseInt round sign slice some startsWith String substring toFixed ' +
    'toLowerCase toString toUpperCase trim trunc valueOf values'
  ).split(' '),
);

/**
 * Whether a condition ends soon whatever the program's values are: operators, properties, and calls of short built-in
 * functions. One that calls anything else may run for ever.
 *
 * @param condition passed {@link expressionProblem}
 */
export function endsByItself(condition: string): boolean {
  const root = parseExpressionAt(condition, 0, EXPRESSION_SYNTAX) as unknown as SyntaxNode;
  return isBounded(root, false);
}

function isBounded(node: SyntaxNode, inFunction: boolean): boolean {
  if (!BOUNDED_SYNTAX.has(node.type)) return false;
  if (node['operator'] === '**' || node['operator'] === 'delete') return false;
  if (node['regex'] !== undefined || node['bigint'] !== undefined) return false;
  const isFunction = FUNCTION_TYPES.has(node.type);
  // A function inside a function is a loop inside a loop.
  if (isFunction && (inFunction || node['async'] === true || node['expression'] !== true)) return false;
  if (node.type === 'CallExpression' && !BOUNDED_CALLS.has(nameOfCalled(node['callee']))) return false;
  for (const child of childrenOf(node)) if (!isBounded(child, inFunction || isFunction)) return false;
  return true;
}

function nameOfCalled(callee: unknown): string {
  if (!isNode(callee)) return '';
  if (callee.type === 'Identifier') return String(callee['name']);
  const { property, computed } = callee as { property?: unknown; computed?: unknown };
  const isNamed = callee.type === 'MemberExpression' && computed !== true && isNode(property);
  // What `#map` does is the program's own business.
  return isNamed && property.type === 'Identifier' ? String(property['name']) : '';
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
