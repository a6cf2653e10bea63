/** Logpoints as DevTools sets them: breakpoints whose condition logs, and that it marks so that it knows them again. */

import { parseExpressionAt } from 'acorn';

const MARKED = /^\s*\/\*\* DEVTOOLS_LOGPOINT \*\/\s*console\.log\(/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly value?: unknown;
  readonly arguments?: readonly Node[];
}

/** @returns the message of the logpoint that a condition means; undefined: it is a condition */
export function logMessageOf(condition: string): string | undefined {
  if (!MARKED.test(condition)) return undefined;
  let call: Node;
  try {
    call = parseExpressionAt(condition, 0, { ecmaVersion: 'latest' }) as unknown as Node;
  } catch {
    // Then it is no condition either, and its refusal says so.
    return undefined;
  }
  const rest = condition.slice(call.end);
  if (call.type !== 'CallExpression' || !/^\s*;?\s*(?:\/\/[^\n]*\s*)*$/.test(rest)) return undefined;
  const parts = (call.arguments ?? []).map(({ type, value, start, end }) => {
    if (type === 'Literal' && typeof value === 'string') return value.replace(/[\\{}]/g, '\\$&');
    return `{${condition.slice(start, end)}}`;
  });
  return parts.length === 0 ? undefined : parts.join(' ');
}
