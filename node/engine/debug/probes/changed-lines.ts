/**
 * What a live edit can change. V8 compares two texts by lines, and what differs token by token only below a length
 * (`CHUNK_LEN_LIMIT` of its liveedit.cc; measured on 20.20). Beyond it every function that begins or ends in those lines counts as
 * another one: V8 answers "Ok", and lets go of those that there are, for good, with all breakpoints in them. tsx and
 * minifiers write a whole file as one line.
 */

import { childrenOf, FUNCTION_TYPES, type SyntaxNode } from '../syntax.ts';
import type { Insertion } from './injection.ts';

const MAX_CHANGED_LENGTH = 800;
const CODE_OF_ITS_OWN: ReadonlySet<string> = new Set([
  ...FUNCTION_TYPES,
  'ClassDeclaration',
  'ClassExpression',
  'PropertyDefinition',
  'StaticBlock',
]);

/** Lines that follow each other and change: offsets in the script's text, and how long they become. */
interface ChangedLines {
  readonly start: number;
  readonly end: number;
  readonly length: number;
}

/** Whether V8 would lose functions of a script by such a change. */
export function losesFunctions(text: string, root: SyntaxNode, insertions: readonly Insertion[]): boolean {
  return changedLines(text, insertions).some(
    (lines) => lines.length >= MAX_CHANGED_LENGTH && hasEdgeWithin(root, lines),
  );
}

function changedLines(text: string, insertions: readonly Insertion[]): ChangedLines[] {
  const changed: ChangedLines[] = [];
  for (const { offset, text: added } of [...insertions].sort((a, b) => a.offset - b.offset)) {
    const start = text.lastIndexOf('\n', offset - 1) + 1;
    const end = text.indexOf('\n', offset) + 1 || text.length + 1;
    const last = changed.at(-1);
    if (last === undefined || last.end < start) changed.push({ start, end, length: end - start + added.length });
    else {
      const more = end - Math.max(last.end, start) + added.length;
      changed[changed.length - 1] = { start: last.start, end, length: last.length + more };
    }
  }
  return changed;
}

function hasEdgeWithin(node: SyntaxNode, lines: ChangedLines): boolean {
  if (node.end <= lines.start || node.start >= lines.end) return false;
  const isWithin = node.start >= lines.start || node.end < lines.end;
  if (isWithin && CODE_OF_ITS_OWN.has(node.type)) return true;
  for (const child of childrenOf(node)) if (hasEdgeWithin(child, lines)) return true;
  return false;
}
