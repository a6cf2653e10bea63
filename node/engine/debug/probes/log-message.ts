/** The message of a logpoint: text with JavaScript expressions in braces. `\{` is a brace. */

import { parseExpressionAt } from 'acorn';
import { SandboxError } from '#shared/errors.ts';
import { EXPRESSION_SYNTAX } from '../syntax.ts';
import { probeExpressionProblem } from './expressions.ts';

export interface LogMessage {
  /** Around the expressions: one more than there are. */
  readonly texts: readonly string[];
  readonly expressions: readonly string[];
}

const MAX_EXPRESSIONS = 20;

/** @throws {SandboxError} BAD_ARGUMENT */
export function parseLogMessage(message: string): LogMessage {
  const texts: string[] = [];
  const expressions: string[] = [];
  let text = '';
  for (let i = 0; i < message.length; ) {
    const char = message[i] ?? '';
    if (char === '\\' && /[{}\\]/.test(message[i + 1] ?? '')) {
      text += message[i + 1];
      i += 2;
    } else if (char === '{') {
      const { expression, end } = readExpression(message, i + 1);
      texts.push(text);
      expressions.push(expression);
      text = '';
      i = end;
    } else {
      text += char;
      i += 1;
    }
  }
  if (expressions.length <= MAX_EXPRESSIONS) return { texts: [...texts, text], expressions };
  throw bad(message, `it has more than ${MAX_EXPRESSIONS} expressions`);
}

/** @param values as they are shown, one per expression */
export function renderLogMessage({ texts }: LogMessage, values: readonly string[]): string {
  return texts.map((text, i) => `${text}${values[i] ?? ''}`).join('');
}

/** Where the expression ends says its grammar: it may hold braces itself. */
function readExpression(message: string, start: number): { expression: string; end: number } {
  let nodeEnd: number;
  try {
    nodeEnd = parseExpressionAt(message, start, { ...EXPRESSION_SYNTAX, preserveParens: true }).end;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/ \(\d+:\d+\)$/, '') : String(error);
    throw bad(message, `what follows "${message.slice(Math.max(0, start - 10), start)}" is no expression: ${why}`);
  }
  const rest = /^\s*\}/.exec(message.slice(nodeEnd));
  const expression = message.slice(start, nodeEnd).trim();
  if (rest === null) throw bad(message, `"${expression}" is not followed by "}"`);
  const problem = probeExpressionProblem(expression);
  if (problem !== undefined) throw bad(message, `its expression ${problem}`);
  return { expression, end: nodeEnd + rest[0].length };
}

function bad(message: string, why: string): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot use the log message "${message.slice(0, 100)}": ${why}`, {
    hint: 'Write expressions in braces, for example: user {user.id} has {cart.length}; a brace itself is \\{.',
  });
}
