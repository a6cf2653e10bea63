/** `inspect`: a port for a debugger that speaks the DevTools protocol. */

import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';

export const inspect: CommandHandler = async ({ context, args }) => {
  const target = await findTarget(context, args[0]);
  const result = await context.call('cdp.listen', target === undefined ? {} : { target });
  const { output } = context;
  const address = `127.0.0.1:${result.port}`;
  if (output.quiet && !output.json) {
    output.print(address);
    return ExitCode.ok;
  }
  const { colors } = output;
  output.result(result, () =>
    [
      `${colors.bold(address)} waits ${Math.round(result.waitsMs / 1000)} s for one DevTools client, and closes with it.`,
      '',
      `  node inspect ${address}`,
      `  ${result.devtoolsFrontendUrl}`,
    ].join('\n'),
  );
  return ExitCode.ok;
};
