/** `open` and `share`: the sandbox of this folder and its link. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Role } from '#shared/rights.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Options } from '../options.ts';
import { linkText } from '../render/link.ts';

export type OpenResult = CommandResult<'sandbox.open'>;

/** `--sandbox`, `--private`, `--share` and `--role` as `run`, `attach` and `open` take them. */
export async function openSandbox(context: CliContext, options: Options): Promise<OpenResult> {
  const client = await context.connect();
  const share = options.flag('share');
  const role = options.text('role') as Exclude<Role, 'owner'> | undefined;
  const { sandbox } = await context.scope();
  const opened = await client.call('sandbox.open', {
    folder: context.cwd,
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(options.flag('private') ? { private: true } : {}),
    ...(share ? { share } : {}),
  });
  if (role === undefined || opened.sandbox.reach === 'private') return opened;
  return client.call(
    'sandbox.share',
    { role, reach: opened.sandbox.reach === 'lan' ? 'lan' : 'loopback' },
    { sandbox: opened.sandbox.id },
  );
}

export const open: CommandHandler = async ({ context, options }) => {
  await printLink(context, await openSandbox(context, options));
  return ExitCode.ok;
};

export const share: CommandHandler = async ({ context, options }) => {
  const role = options.text('role') as Exclude<Role, 'owner'> | undefined;
  const reach = options.text('reach') as 'loopback' | 'lan' | undefined;
  const result = await context.call('sandbox.share', {
    reach: reach ?? 'lan',
    ...(role === undefined ? {} : { role }),
  });
  await printLink(context, result);
  return ExitCode.ok;
};

async function printLink(context: CliContext, result: OpenResult): Promise<void> {
  const { output } = context;
  if (output.quiet && !output.json) {
    if (result.link !== undefined) output.print(result.link);
    return;
  }
  const text = output.json ? '' : await linkText(result, { output, to: 'stdout', qr: true });
  output.result(result, () => text);
}
