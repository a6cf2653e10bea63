/** `leave`: out of the sandbox, its keys on this machine forgotten. */

import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { safeLine } from '../render/safe-text.ts';

const MODES = {
  leave: 'Leave? Your key for this sandbox is deleted; coming back needs a new link.',
  archive: 'Leave, and keep it as a file that "sandmesh import" brings back?',
  destroy: 'Destroy? Every other member is removed, every link ends, and it is deleted here.',
} as const;

export const leave: CommandHandler = async ({ context, options }) => {
  const mode = options.flag('destroy') ? 'destroy' : options.flag('archive') ? 'archive' : 'leave';
  if (!options.flag('yes')) {
    if (!context.interactive) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot leave without asking you', { hint: 'Add --yes.' });
    }
    const { confirm } = await import('../prompts.ts');
    if (!(await confirm({ message: MODES[mode], default: false }))) return ExitCode.failure;
  }
  const result = await context.call('sandbox.leave', { mode });
  const kept = result.archive === undefined ? '' : ` It is kept in ${result.archive}`;
  const away = result.away === undefined ? '' : ` Not told yet, being away: ${safeLine(result.away.join(', '))}.`;
  context.output.result(result, () => `Left sandbox ${result.left.slice(0, 8)}.${kept}${away}`);
  return ExitCode.ok;
};
