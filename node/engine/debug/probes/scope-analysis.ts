/**
 * Which variables of a script its functions keep for the functions inside them. V8 keeps a variable beyond its function
 * only where an inner function names it; code injected into an inner function that names another one would change that,
 * and V8 then lets go of every function made before, silently and for good (measured on 20.20).
 */

import { FUNCTION_TYPES, isNode, type SyntaxNode } from '../syntax.ts';
import { referencesIn } from './expressions.ts';

interface DeclaredName {
  captured: boolean;
  /** Offset from which on it surely has a value. */
  readonly from: number;
}

/** A place where names are declared. */
interface Scope {
  readonly node: SyntaxNode;
  /** Index of the function it belongs to; 0 is the script. */
  readonly owner: number;
  readonly names: Map<string, DeclaredName>;
}

export type Reach = 'own' | 'kept' | 'lost' | 'global';

export interface ScopeAnalysis {
  /** What a name means for code at an offset: of the function it is in, kept by an outer one, not kept, or of none. */
  reach(name: string, offset: number): Reach;
  /** Whether it is a variable of the function that the offset is in, which reading cannot fail for. */
  isOwnSet(name: string, offset: number): boolean;
  /** Whether something that is declared right in this block, not in one inside it, is kept for an inner function. */
  keepsLexicals(block: SyntaxNode): boolean;
}

const BLOCKS: ReadonlySet<string> = new Set([
  'BlockStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'SwitchStatement',
  'StaticBlock',
  'CatchClause',
  'ClassDeclaration',
  'ClassExpression',
]);
/** What Node hands to a CommonJS module. */
const MODULE_NAMES = ['exports', 'require', 'module', '__filename', '__dirname'];

export function analyseScopes(root: SyntaxNode): ScopeAnalysis {
  const scopes = new Map<SyntaxNode, Scope>();
  let functions = 0;
  const open = (node: SyntaxNode, owner: number): Scope => {
    const scope: Scope = { node, owner, names: new Map() };
    scopes.set(node, scope);
    return scope;
  };
  const script = open(root, 0);
  for (const name of MODULE_NAMES) script.names.set(name, { captured: false, from: 0 });

  const declare = (node: SyntaxNode, chain: readonly Scope[]): void => {
    const scope = chain.at(-1) as Scope;
    const ofFunction = chain.findLast(
      (each) => each.node === root || FUNCTION_TYPES.has(each.node.type) || each.node.type === 'StaticBlock',
    );
    if (node.type === 'VariableDeclaration') {
      const isVar = node['kind'] === 'var';
      const into = isVar ? (ofFunction as Scope) : scope;
      for (const each of node['declarations'] as SyntaxNode[])
        addNames(each['id'], into, isVar ? 0 : setFrom(each, scope));
    } else if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') {
      addNames(node['id'], scope, node.type === 'ClassDeclaration' ? setFrom(node, scope) : 0);
    } else if (/^Import(?:Default|Namespace)?Specifier$/.test(node.type)) {
      addNames(node['local'], scope);
    }
  };
  // Twice: what is referred to may be declared further down.
  const walk = (
    node: SyntaxNode,
    chain: readonly Scope[],
    visit: (node: SyntaxNode, chain: readonly Scope[]) => void,
  ) => {
    visit(node, chain);
    let inner = chain;
    if (FUNCTION_TYPES.has(node.type) || BLOCKS.has(node.type)) {
      const known = scopes.get(node);
      const owner = FUNCTION_TYPES.has(node.type) ? ++functions : (chain.at(-1)?.owner ?? 0);
      const scope = known ?? open(node, owner);
      if (known === undefined) addOwnNames(node, scope);
      inner = [...chain, scope];
    }
    for (const child of referencesIn(node)) walk(child, inner, visit);
  };
  walk(root, [script], declare);
  walk(root, [script], (node, chain) => {
    if (node.type !== 'Identifier') return;
    const owner = chain.at(-1)?.owner;
    const found = chain.findLast(({ names }) => names.has(String(node['name'])));
    const name = found?.names.get(String(node['name']));
    if (name !== undefined && found?.owner !== owner) name.captured = true;
  });
  const find = (name: string, offset: number) => {
    const around = [...scopes.values()].filter(
      ({ node }) => node === root || (node.start < offset && offset < node.end),
    );
    const found = around.findLast(({ names }) => names.has(name));
    return { declared: found?.names.get(name), isOwn: found?.owner === around.at(-1)?.owner };
  };
  return {
    reach(name, offset) {
      const { declared, isOwn } = find(name, offset);
      if (declared === undefined) return 'global';
      if (isOwn) return 'own';
      return declared.captured ? 'kept' : 'lost';
    },
    isOwnSet(name, offset) {
      const { declared, isOwn } = find(name, offset);
      return declared !== undefined && isOwn && declared.from <= offset;
    },
    keepsLexicals: (block) => [...(scopes.get(block)?.names.values() ?? [])].some(({ captured }) => captured),
  };
}

function addOwnNames(node: SyntaxNode, scope: Scope): void {
  if (node.type === 'CatchClause') addNames(node['param'], scope);
  if (node.type === 'FunctionExpression' || node.type === 'ClassExpression') addNames(node['id'], scope);
  if (FUNCTION_TYPES.has(node.type)) for (const param of node['params'] as SyntaxNode[]) addNames(param, scope);
}

/** Every name that a pattern binds. */
export function boundNames(pattern: unknown): string[] {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case 'Identifier':
      return [String(pattern['name'])];
    case 'AssignmentPattern':
      return boundNames(pattern['left']);
    case 'RestElement':
      return boundNames(pattern['argument']);
    case 'ArrayPattern':
      return (pattern['elements'] as unknown[]).flatMap(boundNames);
    case 'ObjectPattern':
      return (pattern['properties'] as SyntaxNode[]).flatMap((each) => boundNames(each['value'] ?? each['argument']));
    default:
      return [];
  }
}

/** A case of a switch may be jumped over. */
function setFrom({ end }: SyntaxNode, { node }: Scope): number {
  return node.type === 'SwitchStatement' ? Number.POSITIVE_INFINITY : end;
}

function addNames(pattern: unknown, scope: Scope, from = 0): void {
  for (const name of boundNames(pattern)) if (!scope.names.has(name)) scope.names.set(name, { captured: false, from });
}
