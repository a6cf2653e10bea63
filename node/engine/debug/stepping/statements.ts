/**
 * Which statement a position in a script belongs to. V8 steps by statements but says of a place only whether it is a
 * call or a return.
 */

import { childrenOf, FUNCTION_TYPES, parseScript, type SyntaxNode } from '../syntax.ts';

/** 0-based, as CDP counts. */
interface Position {
  readonly lineNumber: number;
  readonly columnNumber?: number;
}

export class StatementOutline {
  readonly #root: SyntaxNode | undefined;
  /** Offset at which each line starts. */
  readonly #lines: readonly number[];

  /** @param text of a whole script; of one that does not parse, lines count as statements */
  constructor(text: string) {
    this.#root = parseScript(text);
    this.#lines = [0, ...[...text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map((end) => end.index + end[0].length)];
  }

  /** Whether two positions of one function lie in the same statement. */
  isSame(one: Position, other: Position): boolean {
    if (this.#root === undefined) return one.lineNumber === other.lineNumber;
    return this.#statementAt(this.#root, one) === this.#statementAt(this.#root, other);
  }

  /** The innermost statement, or the body of an arrow function that is an expression. */
  #statementAt(root: SyntaxNode, { lineNumber, columnNumber = 0 }: Position): SyntaxNode {
    const offset = (this.#lines[lineNumber] ?? 0) + columnNumber;
    let statement = root;
    let node: SyntaxNode | undefined = root;
    while (node !== undefined) {
      if (isStatement(node)) statement = node;
      const parent: SyntaxNode = node;
      node = [...childrenOf(parent)].find(({ start, end }) => start <= offset && offset < end);
      if (node !== undefined && parent['body'] === node && FUNCTION_TYPES.has(parent.type)) statement = node;
    }
    return statement;
  }
}

function isStatement({ type }: SyntaxNode): boolean {
  return type !== 'BlockStatement' && (type.endsWith('Statement') || type.endsWith('Declaration'));
}
