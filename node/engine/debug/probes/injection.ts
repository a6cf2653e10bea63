/**
 * Where a probe's code goes in the text of a running script, and what it is. Nothing is inserted that holds a line
 * break, so that lines stay; nothing at the very end of a function, which V8 compares texts by; and nothing that changes
 * what the program's functions keep (see scope-analysis.ts).
 */

import { hitTestCode } from '../breakpoints/hit-counts.ts';
import { childrenOf, FUNCTION_TYPES, isNode, type SyntaxNode } from '../syntax.ts';
import { namesOf } from './expressions.ts';
import { boundNames, type ScopeAnalysis } from './scope-analysis.ts';
import { type LaterPart, laterPart } from './statement-parts.ts';

export interface Insertion {
  /** UTF-16 units from the start of the script. */
  readonly offset: number;
  readonly text: string;
  /** Ends what another insertion of the same probe began. */
  readonly closes?: true;
  /** V8 has no place to stop behind it any more: its own stands for the one that was there. */
  readonly replacesPlace?: true;
}

export interface InjectedProbe {
  /** Name of its global in the program. */
  readonly name: string;
  readonly kind: 'log' | 'trace';
  readonly condition: string | undefined;
  /** Which of the hits that the condition lets through are taken down. */
  readonly hitCondition: string | undefined;
  readonly expressions: readonly string[];
}

export interface ParsedScript {
  readonly text: string;
  readonly root: SyntaxNode;
  readonly scopes: ScopeAnalysis;
}

export type Injection =
  | {
      readonly insertions: readonly Insertion[];
      /** Of the values that the code hands over, in order. */
      readonly names: readonly string[];
      /** Calls that throw are recorded, too. */
      readonly seesThrows: boolean;
    }
  | { readonly problem: string };

const BODIES = ['consequent', 'alternate', 'body'] as const;

/** @param offset of a place where V8 can stop */
export function injectionOf(script: ParsedScript, probe: InjectedProbe, offset: number): Injection {
  const path = pathTo(script.root, offset);
  const at = path.findLastIndex(({ type }) => FUNCTION_TYPES.has(type));
  const fn = path[at];
  if (fn === undefined) return { problem: 'it stands at the top of its script, whose code cannot be changed' };
  const code = probeCode(script, probe, offset);
  if (typeof code === 'string') return { problem: code };
  const body = fn['body'] as SyntaxNode;
  const inner = path.slice(at + 1);
  if (probe.kind === 'log' && inner[0] !== body) return { problem: 'it stands among the parameters of a function' };
  if (body.type !== 'BlockStatement') return injectIntoExpression(probe, code, fn, inner, offset);
  return probe.kind === 'trace' ? trace(script, probe, code, fn, body) : log(probe, code, inner, offset);
}

interface ProbeCode {
  /** The expressions, or what stands for one whose variables nothing keeps. */
  readonly expressions: readonly string[];
  readonly condition: string | undefined;
  /** All are variables of the function itself, whose values can be had wherever they stand. */
  readonly areOwnNames: boolean;
}

/** @returns why not, where it cannot be injected */
function probeCode({ scopes }: ParsedScript, probe: InjectedProbe, offset: number): ProbeCode | string {
  const lost: string[] = [];
  let areOwnNames = true;
  for (const expression of [...probe.expressions, ...(probe.condition === undefined ? [] : [probe.condition])]) {
    const found = namesOf(expression);
    if (found === undefined) return `"${expression.slice(0, 80)}" may call what does not end`;
    if (found.captures) return `an arrow function in "${expression.slice(0, 80)}" uses variables of the program`;
    const missing = [...found.names].find((name) => scopes.reach(name, offset) === 'lost');
    if (missing !== undefined) lost.push(expression);
    if (!/^[\w$]+$/.test(expression) || !scopes.isOwnSet(expression, offset)) areOwnNames = false;
  }
  const { condition } = probe;
  if (condition !== undefined && lost.includes(condition)) return 'nothing keeps the variables of its condition';
  const expressions = probe.expressions.map((each) => (lost.includes(each) ? `${probe.name}.lost` : each));
  return { expressions, condition, areOwnNames };
}

function guarded(holder: string, expressions: readonly string[]): string {
  return expressions.map((each) => `try{${holder}.put(${each})}catch(__e){${holder}.bad(__e)}`).join('');
}

/** Runs `code` where there is allowance left, and the condition holds. */
function allowed(probe: InjectedProbe, begin: string, code: string): string {
  const { name, condition } = probe;
  if (condition === undefined) return `if(${isLeft(probe)}${begin}){${code}}`;
  return `try{if((${condition})&&${isLeft(probe)}${begin}){${code}}}catch(__e){${name}.fail(__e)}`;
}

/** Counts a hit. Of those that a hit condition passes over nothing is told. */
function isLeft({ name, hitCondition }: InjectedProbe): string {
  const left = `--${name}.left>=0`;
  return hitCondition === undefined ? left : `${hitTestCode(`${name}.seen`, hitCondition)}&&${left}`;
}

function log(probe: InjectedProbe, code: ProbeCode, path: readonly SyntaxNode[], place: number): Injection {
  const { name } = probe;
  const text = allowed(probe, `&&${name}.begin()`, `${guarded(name, code.expressions)}${name}.end()`);
  const names = probe.expressions;
  for (let i = path.length - 1; i > 0; i--) {
    const [parent, node] = [path[i - 1] as SyntaxNode, path[i] as SyntaxNode];
    if (!isListed(parent, node) && !isBodyOf(parent, node)) continue;
    const later = laterPart(path.slice(i), place);
    if (later !== undefined) return logLater(probe, code, later);
    if (isListed(parent, node)) {
      return { insertions: [{ offset: node.start, text }], names, seesThrows: false };
    }
    const insertions = [
      { offset: node.start, text: `{${text}` },
      { offset: node.end, text: '}', closes: true as const },
    ];
    return { insertions, names, seesThrows: false };
  }
  // The brace that ends a function: V8 stops there where it returns by itself.
  const body = path[0] as SyntaxNode;
  const last = (body['body'] as SyntaxNode[]).at(-1);
  const offset = last?.end ?? body.start + 1;
  return { insertions: [{ offset, text: `;${text}`, closes: true }], names, seesThrows: false };
}

/** What a right side is asked for after, by its operator. */
const GOES_ON: Readonly<Record<string, string>> = { '&&': '!0', '||': '!1', '??': 'null' };

/** Right before a part of a statement that runs by itself, where nothing that is logged can throw. */
function logLater(probe: InjectedProbe, { areOwnNames }: ProbeCode, { expression, operator }: LaterPart): Injection {
  if (expression === undefined || probe.condition !== undefined || !areOwnNames) {
    return { problem: 'a part of a statement has no place for it' };
  }
  const said = saying(probe);
  const text = operator === undefined ? `${said}?0:` : `(${said},${GOES_ON[operator]})${operator}`;
  return { insertions: [{ offset: expression.start, text }], names: probe.expressions, seesThrows: false };
}

function saying(probe: InjectedProbe): string {
  const { name, expressions } = probe;
  return `${isLeft(probe)}&&${name}.say(${expressions.join()})`;
}

function trace(
  { text: source, scopes }: ParsedScript,
  probe: InjectedProbe,
  { expressions }: ProbeCode,
  fn: SyntaxNode,
  body: SyntaxNode,
): Injection {
  const { name } = probe;
  const call = `${name}_`;
  const statements = body['body'] as SyntaxNode[];
  const directives = statements.filter((each) => typeof each['directive'] === 'string');
  const last = statements.at(-1);
  const first = directives.at(-1)?.end ?? body.start + 1;
  const params = (fn['params'] as SyntaxNode[]).flatMap(boundNames);
  const args = params.map((param) => `${call}.put(${param});`).join('');
  const entry = `let ${call}=${name};${allowed(probe, '', `${call}=${name}.enter();${args}${guarded(call, expressions)}`)}`;
  const isCode = statements.length > directives.length;
  const isAlone = last !== undefined && /^[^\S\n]*\n/.test(source.slice(last.end));
  const declares = statements.some(({ type }) => type === 'FunctionDeclaration' || type === 'ClassDeclaration');
  const seesThrows = isCode && isAlone && !declares && !scopes.keepsLexicals(body);
  const insertions: Insertion[] = [{ offset: first, text: `;${entry}${seesThrows ? 'try{' : ''}` }];
  for (const node of returnsOf(body)) {
    const value = node['argument'];
    if (isNode(value)) {
      insertions.push({ offset: value.start, text: `${call}.v=(` }, { offset: value.end, text: ')', closes: true });
    } else insertions.push({ offset: node.start + 'return'.length, text: ` ${call}.v=void 0` });
  }
  const ends = last === undefined || !isCode || !/^(?:Return|Throw)Statement$/.test(last.type);
  const exit = `${ends ? `;${call}.v=void 0;` : ''}${seesThrows ? `}catch(__e){throw ${call}.x(__e)}` : ''}`;
  // Where nothing but directives stands, the exit follows the entry at one and the same offset.
  if (!isCode) insertions[0] = { offset: first, text: `;${entry}${exit}` };
  else if (exit !== '') insertions.push({ offset: last?.end ?? first, text: exit, closes: true });
  return { insertions, names: [...params, ...probe.expressions], seesThrows };
}

/** `x => y` has no place for statements; code in front of the expression only, or V8 loses sight of its end. */
function injectIntoExpression(
  probe: InjectedProbe,
  code: ProbeCode,
  fn: SyntaxNode,
  path: readonly SyntaxNode[],
  place: number,
): Injection {
  const { name } = probe;
  const body = fn['body'] as SyntaxNode;
  if (probe.condition !== undefined || !code.areOwnNames) {
    return { problem: 'an arrow function without braces has no place for it' };
  }
  const offset = body.start;
  if (probe.kind === 'log') {
    const later = laterPart(path, place);
    if (later !== undefined) return logLater(probe, code, later);
    const text = `${saying(probe)}?0:`;
    return { insertions: [{ offset, text, replacesPlace: true }], names: probe.expressions, seesThrows: false };
  }
  // What it gives is its last expression: there is no telling when it began without code behind it.
  if (body.type === 'SequenceExpression')
    return { problem: 'an arrow function of several expressions has no place for it' };
  const names = [...(fn['params'] as SyntaxNode[]).flatMap(boundNames), ...code.expressions];
  const text = `(${isLeft(probe)}?${name}.enter(${names.join()}):${name}).v=`;
  return { insertions: [{ offset, text, replacesPlace: true }], names, seesThrows: false };
}

/** From the root to the innermost node that holds the offset, or returns right there. */
function pathTo(root: SyntaxNode, offset: number): SyntaxNode[] {
  const path = [root];
  for (;;) {
    const children = [...childrenOf(path.at(-1) as SyntaxNode)];
    const next =
      children.find(({ start, end }) => start <= offset && offset < end) ??
      children.find((child) => returnsAt(child, offset));
    if (next === undefined) return path;
    path.push(next);
  }
}

/** V8 stops where a return statement ends: code that is to run there goes before it. */
function returnsAt(node: SyntaxNode, offset: number): boolean {
  if (node.end !== offset || FUNCTION_TYPES.has(node.type)) return false;
  return node.type === 'ReturnStatement' || [...childrenOf(node)].some((child) => returnsAt(child, offset));
}

function isListed(parent: SyntaxNode, node: SyntaxNode): boolean {
  if (parent.type === 'SwitchCase') return (parent['consequent'] as SyntaxNode[]).includes(node);
  const list = parent['body'];
  return (
    (parent.type === 'BlockStatement' || parent.type === 'StaticBlock') && Array.isArray(list) && list.includes(node)
  );
}

function isBodyOf(parent: SyntaxNode, node: SyntaxNode): boolean {
  const holds = parent.type === 'IfStatement' || /^(?:For|While|DoWhile|With)/.test(parent.type);
  return holds && node.type !== 'BlockStatement' && BODIES.some((key) => parent[key] === node);
}

function* returnsOf(node: SyntaxNode): Generator<SyntaxNode> {
  for (const child of childrenOf(node)) {
    if (FUNCTION_TYPES.has(child.type)) continue;
    if (child.type === 'ReturnStatement') yield child;
    yield* returnsOf(child);
  }
}

/** @returns the text with everything inserted, and what was inserted in the order of the text */
export function withInsertions(
  text: string,
  perProbe: readonly (readonly Insertion[])[],
): { text: string; insertions: readonly Insertion[] } {
  const ranked = perProbe.flatMap((list, probe) =>
    // What one probe begins after another it ends before it.
    list.map((insertion) => ({ insertion, rank: insertion.closes ? -1 - probe : probe })),
  );
  const sorted = ranked.sort((a, b) => a.insertion.offset - b.insertion.offset || a.rank - b.rank);
  let [edited, from] = ['', 0];
  for (const { insertion } of sorted) {
    edited += text.slice(from, insertion.offset) + insertion.text;
    from = insertion.offset;
  }
  return { text: edited + text.slice(from), insertions: sorted.map(({ insertion }) => insertion) };
}
