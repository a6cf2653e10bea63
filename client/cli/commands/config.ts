/** `config`: the daemon's configuration. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { CommandHandler, Invocation } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { table } from '../render/table.ts';

export const get: CommandHandler = async ({ context, args }) =>
  show(context, await (await context.connect()).call('config.get', { key: args[0] ?? '' }));

export const set: CommandHandler = async ({ context, args }: Invocation) => {
  const [key = '', value = ''] = args;
  const entry = await (await context.connect()).call('config.set', { key, value });
  show(context, entry);
  // When it holds, and what else it takes.
  context.output.note(`${entry.description}.`);
  return ExitCode.ok;
};

export const list: CommandHandler = async ({ context }) => {
  const result = await (await context.connect()).call('config.list', {});
  const { colors } = context.output;
  context.output.result(result, () => {
    const rows = result.entries.map((entry) => [
      colors.bold(entry.key),
      format(entry.value),
      entry.source === 'default' ? colors.dim('default') : entry.source,
      colors.dim(entry.description),
    ]);
    return table(['KEY', 'VALUE', 'FROM', ''], rows, colors);
  });
  return ExitCode.ok;
};

function show(context: CliContext, entry: CommandResult<'config.get'>): number {
  const { output } = context;
  const from = output.quiet ? '' : output.colors.dim(`  (from ${entry.source})`);
  output.result(entry, () => `${format(entry.value)}${from}`);
  return ExitCode.ok;
}

function format(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
