/**
 * Finds functions by name in the text of a script, for function breakpoints: V8 has no such look-up.
 *
 * Understood are `name` (a function that is called so, or assigned to a variable, property or class field of that name;
 * of a class its constructor), and `Owner.name` (a method of the class, or of the object held by the variable, `Owner`).
 */

import { childrenOf, FUNCTION_TYPES, isNode, parseScript, type SyntaxNode } from '../syntax.ts';

/** 0-based start and end of the function's body, as CDP counts. */
export interface FunctionPosition {
  readonly lineNumber: number;
  readonly columnNumber: number;
  readonly end: { readonly lineNumber: number; readonly columnNumber: number };
}

/** @returns every function of that name in source order; empty when the text does not parse */
export function findFunctions(text: string, name: string): readonly FunctionPosition[] {
  const dot = name.lastIndexOf('.');
  const wanted = { owner: dot < 0 ? undefined : name.slice(0, dot), name: name.slice(dot + 1) };
  if (!text.includes(wanted.name)) return [];
  const root = parseScript(text);
  if (root === undefined) return [];
  // One that goes by its own name and by its variable's is found twice.
  const found = new Set<SyntaxNode>();
  walk(root, undefined, (body, functionName, owner) => {
    if (functionName !== wanted.name) return;
    if (wanted.owner !== undefined && owner !== wanted.owner) return;
    found.add(body);
  });
  return [...found].map(({ loc }) => ({ ...position(loc.start), end: position(loc.end) }));
}

function position({ line, column }: { line: number; column: number }): { lineNumber: number; columnNumber: number } {
  return { lineNumber: line - 1, columnNumber: column };
}

type Report = (body: SyntaxNode, name: string, owner: string | undefined) => void;

function walk(node: SyntaxNode, owner: string | undefined, report: Report): void {
  const named = namedFunction(node);
  const own = ownerOf(node);
  if (named !== undefined) report(named.body, named.name, node.type === 'AssignmentExpression' ? own : owner);
  if (named !== undefined && owner !== undefined && node['kind'] === 'constructor')
    report(named.body, owner, undefined);
  const inner = own ?? (FUNCTION_TYPES.has(node.type) ? undefined : owner);
  for (const child of childrenOf(node)) walk(child, inner, report);
}

/** The function a node gives a name to, whichever way. */
function namedFunction(node: SyntaxNode): { name: string; body: SyntaxNode } | undefined {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
      return pair(node['id'], node);
    case 'VariableDeclarator':
      return pair(node['id'], node['init']);
    case 'AssignmentExpression':
      return pair(node['left'], node['right']);
    case 'Property':
      return isExportGetter(node) ? undefined : pair(node['key'], node['value']);
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return pair(node['key'], node['value']);
    default:
      return undefined;
  }
}

/** `{ total: () => total }`: bundlers write that for what a module exports. */
function isExportGetter({ key, value }: SyntaxNode): boolean {
  if (!isNode(value) || value.type !== 'ArrowFunctionExpression') return false;
  const body = value['body'];
  return isNode(body) && body.type === 'Identifier' && nameOf(body) === nameOf(key);
}

function pair(key: unknown, value: unknown): { name: string; body: SyntaxNode } | undefined {
  const name = nameOf(key);
  if (name === undefined || !isNode(value) || !FUNCTION_TYPES.has(value.type) || !isNode(value['body']))
    return undefined;
  return { name, body: value['body'] };
}

function ownerOf(node: SyntaxNode): string | undefined {
  const isClass = node.type === 'ClassDeclaration' || node.type === 'ClassExpression';
  if (isClass) return nameOf(node['id']);
  if (node.type === 'VariableDeclarator' && isNode(node['init']) && !FUNCTION_TYPES.has(node['init'].type)) {
    return nameOf(node['id']);
  }
  if (node.type === 'AssignmentExpression' && isNode(node['left']) && node['left'].type === 'MemberExpression') {
    return prototypeOwner(node['left']);
  }
  return undefined;
}

/** `Owner.prototype.name = …` and `Owner.name = …` belong to Owner. */
function prototypeOwner(member: SyntaxNode): string | undefined {
  const object = member['object'];
  if (!isNode(object)) return undefined;
  if (object.type === 'MemberExpression' && nameOf(object) === 'prototype') return nameOf(object['object']);
  return nameOf(object);
}

function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') return String(node['name']);
  if (node.type === 'Literal') return String(node['value']);
  return node.type === 'MemberExpression' ? nameOf(node['property']) : undefined;
}
