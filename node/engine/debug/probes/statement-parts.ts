/** Parts of a statement: whether code that is put before the statement runs when, and as often as, the part does. */

import type { SyntaxNode } from '../syntax.ts';

/** What of a node runs more than once, not every time, or after something else of it has run. */
const LATER_PARTS: Readonly<Record<string, readonly string[]>> = {
  AssignmentPattern: ['right'],
  ConditionalExpression: ['consequent', 'alternate'],
  DoWhileStatement: ['test'],
  ForInStatement: ['left'],
  ForOfStatement: ['left'],
  ForStatement: ['test', 'update'],
  LogicalExpression: ['right'],
  // The initializer of a field is a function of its own.
  PropertyDefinition: ['value'],
  SwitchCase: ['test'],
  WhileStatement: ['test'],
};
/** Of these a part can be given code of its own; the others are patterns, or functions. */
const HAVE_ROOM: ReadonlySet<string> = new Set([
  'ConditionalExpression',
  'DoWhileStatement',
  'ForStatement',
  'LogicalExpression',
  'SequenceExpression',
  'SwitchCase',
  'VariableDeclaration',
  'WhileStatement',
]);

export interface LaterPart {
  /** Before it there is room for code; undefined where there is none. */
  readonly expression: SyntaxNode | undefined;
  /** Whose right side it is. */
  readonly operator: string | undefined;
}

/**
 * @param path from a statement, or the body of an arrow function, down to the offset
 * @returns the innermost part of the statement that does not run with its beginning; undefined: the offset does
 */
export function laterPart(path: readonly SyntaxNode[], offset: number): LaterPart | undefined {
  for (let i = path.length - 1; i > 0; i--) {
    const [parent, node] = [path[i - 1] as SyntaxNode, path[i] as SyntaxNode];
    if (!runsLater(parent, node, offset)) continue;
    const part = node.type === 'VariableDeclarator' ? path[i + 1] : node;
    const isCode = part !== undefined && part !== node['id'] && !/Function|Class/.test(part.type);
    return {
      expression: isCode && HAVE_ROOM.has(parent.type) ? part : undefined,
      operator: parent.type === 'LogicalExpression' ? String(parent['operator']) : undefined,
    };
  }
  return undefined;
}

function runsLater(parent: SyntaxNode, node: SyntaxNode, offset: number): boolean {
  const later = LATER_PARTS[parent.type];
  if (later !== undefined) return later.some((key) => parent[key] === node);
  if (parent.type === 'SequenceExpression') return (parent['expressions'] as SyntaxNode[])[0] !== node;
  if (parent.type === 'VariableDeclaration') return (parent['declarations'] as SyntaxNode[])[0] !== node;
  if (parent.type === 'AssignmentExpression') {
    return parent['right'] === node && /^(?:&&|\|\||\?\?)=$/.test(String(parent['operator']));
  }
  // What `a?.b()` calls is not called where there is no `a`.
  return parent.type === 'ChainExpression' && offset !== parent.start;
}
