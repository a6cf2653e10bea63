/** `policy`: what each level of care makes of each action and right on this host's processes. */

import type { CommandInput, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { LEVELS, type Level } from '#shared/model/policy.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';

type Shown = CommandResult<'policy.show'>;
type Rule = Shown['levels'][Level][number];
type Setting = CommandInput<'policy.set'>;

export const show: CommandHandler = async ({ context, options }) => {
  const program = options.text('program');
  const result = await context.call('policy.show', program === undefined ? {} : { program });
  const { colors } = context.output;
  context.output.result(result, () => {
    const names = result.levels.development.map(({ rule }) => rule);
    const rows = names.map((name) => {
      const rules = LEVELS.map((level) => result.levels[level].find(({ rule }) => rule === name));
      const covers = rules[0]?.covers?.join(', ');
      return [name, ...rules.map((rule) => cell(rule, colors)), colors.dim(covers ?? '')];
    });
    const targets = result.targets.map(({ program: name, level }) => `${safeLine(name)}: ${level}`).join(', ');
    return [
      table(['RULE', ...LEVELS.map((level) => level.toUpperCase()), 'COVERS'], rows, colors),
      '',
      targets === '' ? 'No program runs here.' : `Programs here: ${targets}.`,
      colors.dim(`Rules of this host: ${result.file}`),
    ].join('\n');
  });
  return ExitCode.ok;
};

/** Where a rule is not the default, whose it is. */
function cell(rule: Rule | undefined, colors: Colors): string {
  if (rule === undefined) return '';
  const color = { allow: colors.green, audit: colors.green, ask: colors.yellow, deny: colors.red }[rule.verdict];
  return `${color(rule.verdict)}${rule.source === 'default' ? '' : colors.dim(` (${rule.source})`)}`;
}

export const set: CommandHandler = async ({ context, args, options }) => {
  const [where = '', rule, verdict] = args as [string, Setting['rule'], Setting['verdict']];
  const level = LEVELS.find((each) => each === where);
  const result = await context.call('policy.set', {
    rule,
    verdict,
    ...(level === undefined ? { program: where } : { level }),
    ...(options.flag('shared') ? { shared: true } : {}),
  });
  context.output.result(result, () => `${rule}: ${verdict} (${safeLine(result.where)})${missedText(result)}`);
  return ExitCode.ok;
};

export const level: CommandHandler = async ({ context, args }) => {
  const [program = '', chosen] = args as [string, CommandInput<'policy.level'>['level']];
  const result = await context.call('policy.level', { program, level: chosen });
  context.output.result(result, () => `${safeLine(program)}: ${chosen}${missedText(result)}`);
  return ExitCode.ok;
};

/** A rule holds for later runs, too: a name that nothing has yet may be meant. */
function missedText({ programsHere }: { readonly programsHere?: readonly string[] | undefined }): string {
  if (programsHere === undefined) return '';
  const names = programsHere.map((name) => safeLine(name)).join(', ');
  const known = names === '' ? '' : ` There is: ${names}.`;
  return `\nNo program of yours in this sandbox has that name now; the rule holds once one has.${known}`;
}
