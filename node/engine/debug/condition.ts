/**
 * Conditions as code: each must be exactly one expression, and several on one line become one guarded expression,
 * since V8 takes only one breakpoint per place.
 */

import { parseExpressionAt } from 'acorn';

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
      ecmaVersion: 'latest',
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

/**
 * ORs conditions into one; one that throws counts as false and hides no other.
 *
 * @param conditions each passed {@link expressionProblem}
 */
export function mergeConditions(conditions: readonly string[]): string {
  // The line break ends a trailing `//` comment inside a condition.
  const tries = [...new Set(conditions)].map((condition) => `try{if(${condition}\n)return true}catch{}`);
  return `(()=>{${tries.join('')}return false})()`;
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
