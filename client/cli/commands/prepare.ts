/** `prepare`: what `run` does before it starts a program, for one that has started already (`--import sandmesh/harness`). */

import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { openSandbox } from './open.ts';
import { launchInput, tellLink } from './run.ts';

export const prepare: CommandHandler = async ({ context, args, options }) => {
  const client = await context.connect();
  const opened = await openSandbox(context, options);
  const scope = { sandbox: opened.sandbox.id };
  const { env } = await client.call('target.launch', launchInput(context, args, options), scope);
  await tellLink(context, opened);
  // Whoever asked reads this and nothing else.
  context.output.stdout.write(JSON.stringify(env));
  return ExitCode.ok;
};
