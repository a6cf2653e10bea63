/**
 * What a live edit breaks. V8 answers "Ok" to any edit of a script in which a function makes a class with instance fields
 * and no constructor, and takes the initializer of the fields for the constructor from then on: the next call of that
 * function ends the program with "is not a constructor" (measured on 20.20).
 */

import { childrenOf, FUNCTION_TYPES, type SyntaxNode } from '../syntax.ts';

/** Whether there is such a class, where code that runs again may make it again. */
export function hasFragileClass(node: SyntaxNode, runsAgain = false): boolean {
  if (runsAgain && node.type === 'ClassBody' && isFragile(node['body'] as SyntaxNode[])) return true;
  const isFunction = FUNCTION_TYPES.has(node.type) || node.type === 'PropertyDefinition';
  for (const child of childrenOf(node)) if (hasFragileClass(child, runsAgain || isFunction)) return true;
  return false;
}

function isFragile(members: readonly SyntaxNode[]): boolean {
  const hasFields = members.some(({ type, static: isStatic }) => type === 'PropertyDefinition' && isStatic !== true);
  return hasFields && members.every(({ kind }) => kind !== 'constructor');
}
