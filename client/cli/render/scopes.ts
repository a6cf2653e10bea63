/** One scope of a frame as text. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';
import { variableLines } from './variables.ts';

type Scope = CommandResult<'inspect.scopes'>['scopes'][number];

export function scopeBlock(scope: Scope, colors: Colors, columns: number): string {
  const name = scope.name === undefined ? '' : ` ${safeLine(scope.name)}`;
  const lines = variableLines(scope.variables, { colors, columns, indent: 2 });
  if (lines.length === 0) lines.push(colors.dim('  (empty)'));
  if (scope.truncated) lines.push(colors.dim('  … more, not shown'));
  return [colors.bold(`${scope.type}${name}`), ...lines].join('\n');
}
