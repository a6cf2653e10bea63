/** Breakpoints as text: where, whose, and what each program made of it. */

import type { MemberId } from '#shared/ids.ts';
import type { BreakpointStatus, BreakpointView } from '#shared/model/breakpoint.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';
import { table } from './table.ts';

/** `src/cart.ts:42`, `function total()`, `uncaught exceptions`. */
export function describeWhere({ where }: Pick<BreakpointView, 'where'>): string {
  switch (where.kind) {
    case 'line': {
      const column = where.column === undefined ? '' : `:${where.column}`;
      return `${safeLine(formatSourceFile(where.file))}:${where.line}${column}`;
    }
    case 'function':
      return `function ${safeLine(where.name)}()`;
    case 'exception':
      return `${where.filter} exceptions`;
    case 'script':
      return `${safeLine(where.url)}:${where.line}${where.column === undefined ? '' : `:${where.column}`} as it runs`;
    default:
      return where satisfies never;
  }
}

/** `armed in shop at 43:5 (moved to the next line with code), hit 3 times`. */
export function statusText(status: BreakpointStatus, target: string, colors: Colors): string {
  const { state, line, column, hits } = status;
  const reason = status.reason === undefined ? '' : ` (${safeLine(status.reason)})`;
  const name = colors.bold(safeLine(target));
  if (state === 'armed') {
    const place = line === undefined ? '' : ` at line ${line}${column === undefined ? '' : `:${column}`}`;
    const count = hits === 0 ? '' : `, hit ${hits === 1 ? 'once' : `${hits} times`}`;
    return `${colors.green('armed')} in ${name}${place}${reason}${count}`;
  }
  const word = state === 'pending' ? colors.yellow('pending') : colors.red('refused');
  return `${word} in ${name}${reason}`;
}

/** What it does besides stopping for everybody, and when: `, writes "user {user.id}" if id > 3`. */
function effectText({ kind = 'ours', log = '', capture = [], condition }: BreakpointView, separator: string): string {
  const captured = capture.length === 0 ? '' : ` with ${safeLine(capture.join(', '))}`;
  const effects = {
    ours: '',
    mine: 'stops for its author',
    snapshot: 'leaves a snapshot',
    log: `writes "${safeLine(log)}"`,
    trace: `records calls${captured}`,
  };
  const parts = [effects[kind], condition === undefined ? '' : `if ${safeLine(condition)}`];
  return parts.map((part) => (part === '' ? '' : `${separator}${part}`)).join('');
}

const NOT_YET = 'waits for a program that runs it';

/** One breakpoint just set: its place and id, then a line per program. */
export function breakpointLines(view: BreakpointView, targetName: (id: string) => string, colors: Colors): string[] {
  const head = `${colors.bold(describeWhere(view))}${effectText(view, ' ')}  ${colors.dim(view.id)}`;
  if (view.statuses.length === 0) return [head, `  ${colors.yellow(NOT_YET)}`];
  return [head, ...view.statuses.map((status) => `  ${statusText(status, targetName(status.target), colors)}`)];
}

export function breakpointTable(
  views: readonly BreakpointView[],
  targetName: (id: string) => string,
  memberName: (id: MemberId) => string,
  colors: Colors,
): string {
  const rows = views.map((view) => {
    const statuses = view.statuses.map((status) => statusText(status, targetName(status.target), colors)).join('\n');
    const state = view.enabled ? statuses || colors.yellow(NOT_YET) : colors.dim('off');
    return [
      colors.dim(view.id),
      `${view.enabled ? colors.bold(describeWhere(view)) : colors.dim(describeWhere(view))}${effectText(view, '\n')}`,
      safeLine(memberName(view.writtenBy)),
      state,
    ];
  });
  return table(['ID', 'WHERE', 'BY', 'STATE'], rows, colors);
}
