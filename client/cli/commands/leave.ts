/** `leave`: out of the sandbox, its keys on this machine forgotten. */

import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';

export const leave: CommandHandler = async ({ context, options }) => {
  if (!options.flag('yes')) {
    if (!context.interactive) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot leave without asking you', { hint: 'Add --yes.' });
    }
    const { confirm } = await import('../prompts.ts');
    const sure = await confirm({
      message: 'Leave? Your key for this sandbox is deleted; coming back needs a new link.',
      default: false,
    });
    if (!sure) return ExitCode.failure;
  }
  const result = await context.call('sandbox.leave', {});
  context.output.result(result, () => `Left sandbox ${result.left.slice(0, 8)}.`);
  return ExitCode.ok;
};
