/** `doctor`: looks for whatever could keep sandmesh from working here. */

import type { CommandHandler } from '../command-spec.ts';
import { type NamedResult, runCheck } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';

export const doctor: CommandHandler = async ({ context }) => {
  const results = await Promise.all(checks.map((check) => runCheck(check, context)));
  const problems = results.filter((result) => result.state === 'problem').length;
  context.output.result({ checks: results }, () => report(results, context.output.colors));
  return problems === 0 ? ExitCode.ok : ExitCode.failure;
};

function report(results: readonly NamedResult[], colors: Colors): string {
  const marks = { ok: colors.green('ok'), warning: colors.yellow('!!'), problem: colors.red('✗ ') };
  const width = Math.max(...results.map((result) => result.name.length));
  const lines = results.flatMap((result) => {
    const line = `${marks[result.state]}  ${colors.bold(result.name.padEnd(width))}  ${result.detail}`;
    return result.advice === undefined ? [line] : [line, `    ${' '.repeat(width)}  ${colors.cyan(result.advice)}`];
  });
  const problems = results.filter((result) => result.state !== 'ok').length;
  lines.push('', problems === 0 ? 'Nothing is in the way.' : `${problems} of ${results.length} need a look.`);
  return lines.join('\n');
}
