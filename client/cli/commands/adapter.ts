/**
 * `adapter`: what `sandmesh dap` has an editor's terminal run for a program in another language. The daemon prepared the launch
 * and says by the environment which adapter it is; the rest is as under `run --adapter`.
 */

import { LAUNCHED_ADAPTER_VARIABLE, type LaunchedAdapter, launchedAdapterSchema } from '#protocol/adapter-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import { runUnderAdapter } from '../run/adapter.ts';

export const adapter: CommandHandler = async ({ context }) => {
  const { [LAUNCHED_ADAPTER_VARIABLE]: said, ...rest } = context.env;
  const { adapter: prepared, env } = launchedAdapter(said);
  const end = await runUnderAdapter(prepared, { context, env: { ...rest, ...env } });
  if (end.failure !== undefined) {
    context.output.error(end.failure.error);
    return end.failure.exitCode;
  }
  if (end.signal !== null) end.dieAlike();
  return end.exitCode ?? 1;
};

/** @throws {SandboxError} BAD_ARGUMENT */
function launchedAdapter(text: string | undefined): LaunchedAdapter {
  try {
    return launchedAdapterSchema.parse(JSON.parse(text ?? ''));
  } catch (cause) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot start a debug adapter: no launch was prepared', {
      cause,
      hint: 'An editor\'s "launch" has this run; by hand it is "sandmesh run --adapter <name> -- <program>".',
    });
  }
}
