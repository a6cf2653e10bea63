/** Variables and values as text. */

import type { Variable } from '#shared/model/pause.ts';
import type { Colors } from '../output.ts';
import { safeLine, safeText } from './safe-text.ts';
import { cut } from './source-excerpt.ts';

/** A value in the colour of its type, on one line. */
export function formatValue(variable: Variable, colors: Colors, room = 1000): string {
  const text = cut(safeLine(variable.value), room);
  switch (variable.type) {
    case 'string':
      return colors.green(text);
    case 'number':
    case 'bigint':
    case 'boolean':
      return colors.yellow(text);
    case 'undefined':
    case 'null':
      return colors.dim(text);
    case 'function':
      return colors.cyan(text);
    default:
      return text;
  }
}

/** `name = value` lines, names aligned within reason. */
export function variableLines(
  variables: readonly Variable[],
  options: { readonly colors: Colors; readonly columns: number; readonly indent?: number },
): string[] {
  const { colors, columns, indent = 0 } = options;
  const width = Math.min(24, Math.max(0, ...variables.map((variable) => variable.name.length)));
  return variables.map((variable) => {
    const name = safeLine(variable.name).padEnd(width);
    const shown = variable.kind === 'internal' ? colors.dim(name) : name;
    const room = Math.max(20, columns - indent - Math.max(width, name.length) - 3);
    return `${' '.repeat(indent)}${shown} ${colors.dim('=')} ${formatValue(variable, colors, room)}`;
  });
}

/** A whole value, newlines kept: what `eval` prints. */
export function wholeValue(variable: Variable, colors: Colors): string {
  return variable.value.includes('\n')
    ? safeText(variable.value)
    : formatValue(variable, colors, Number.MAX_SAFE_INTEGER);
}
