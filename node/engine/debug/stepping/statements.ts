/**
 * Which statement a position in a script belongs to. V8 steps by statements but says of a place only whether it is a
 * call or a return.
 */

import { childrenOf, FUNCTION_TYPES, isNode, parseScript, type SyntaxNode } from '../syntax.ts';

/** 0-based, as CDP counts. */
interface Position {
  readonly lineNumber: number;
  readonly columnNumber?: number;
}

/** What `__generator` is told by such a return. */
const YIELD = 4;
const YIELD_ALL = 5;

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

  /** Whether a position lies in what tsc makes of `await` and `yield` for ES5: a return until it is resumed. */
  suspends(position: Position): boolean {
    const statement = this.#root === undefined ? undefined : this.#statementAt(this.#root, position);
    const value = statement?.type === 'ReturnStatement' ? statement['argument'] : undefined;
    const [kind] = isNode(value) && value.type === 'ArrayExpression' ? (value['elements'] as unknown[]) : [];
    return isNode(kind) && (kind['value'] === YIELD || kind['value'] === YIELD_ALL);
  }

  /** Whether its statement only leads on from there: `switch (_a.label)`, and `one = _a.sent();`. */
  resumes(position: Position): boolean {
    const statement = this.#root === undefined ? undefined : this.#statementAt(this.#root, position);
    if (statement?.type === 'SwitchStatement') return memberOf(statement['discriminant']) === 'label';
    const whole = statement?.type === 'ExpressionStatement' ? statement['expression'] : undefined;
    const value = isNode(whole) && whole.type === 'AssignmentExpression' ? whole['right'] : whole;
    return isNode(value) && value.type === 'CallExpression' && memberOf(value['callee']) === 'sent';
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

/** `sent` of `_a.sent`. */
function memberOf(node: unknown): unknown {
  const name = isNode(node) && node.type === 'MemberExpression' ? node['property'] : undefined;
  return isNode(name) ? name['name'] : undefined;
}

function isStatement({ type }: SyntaxNode): boolean {
  return type !== 'BlockStatement' && (type.endsWith('Statement') || type.endsWith('Declaration'));
}
