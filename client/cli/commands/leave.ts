/** `leave`: out of the sandbox, its keys on this machine forgotten. */

import { SandboxError } from '#shared/errors.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
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
    const warning = mode === 'leave' ? await ownersWarning(context) : '';
    if (!context.interactive) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot leave without asking you', { hint: `${warning}Add --yes.` });
    }
    const { confirm } = await import('../prompts.ts');
    if (!(await confirm({ message: `${warning}${MODES[mode]}`, default: false }))) return ExitCode.failure;
  }
  const result = await context.call('sandbox.leave', { mode });
  const kept = result.archive === undefined ? '' : ` It is kept in ${result.archive}`;
  const away = result.away === undefined ? '' : ` Not told yet, being away: ${safeLine(result.away.join(', '))}.`;
  const stay =
    result.stay === undefined
      ? ''
      : ` Its control key is deleted: unless you exported it, nobody can remove ${safeLine(result.stay.join(', '))} or change a role there any more.`;
  context.output.result(result, () => `Left sandbox ${result.left.slice(0, 8)}.${kept}${away}${stay}`);
  return ExitCode.ok;
};

/** An owner takes the say about the others along. */
async function ownersWarning(context: CliContext): Promise<string> {
  const { role, members } = await context.call('sandbox.get', {});
  if (role !== 'owner' || members < 2) return '';
  return (
    `${count(members - 1, 'other member')} would stay without an owner: nobody could remove them or change their roles. ` +
    '--archive keeps the keys, --destroy ends it for everybody. '
  );
}
