/** `completion`: the script that a shell sources. */

import type { CommandHandler } from '../command-spec.ts';
import { completionScript, type Shell } from '../completion/scripts.ts';
import { ExitCode } from '../exit-codes.ts';
import { commandTable } from '../table/command-table.ts';

export const completion: CommandHandler = async ({ context, args }) => {
  const shell = args[0] as Shell;
  const script = completionScript(shell, commandTable);
  context.output.result({ shell, script }, () => script);
  return ExitCode.ok;
};
