/** `key protect`, `key unlock` and `recover`: the key that decides about the sandbox. */

import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';

const MIN_LENGTH = 8;

export const protect: CommandHandler = async ({ context, options }) => {
  const off = options.flag('off');
  const current = options.flag('change') || off ? await askPassphrase(context, 'Passphrase of now') : undefined;
  const next = off ? undefined : await askNew(context);
  const result = await context.call('key.protect', {
    ...(current === undefined ? {} : { passphrase: current }),
    ...(next === undefined ? {} : { next }),
  });
  context.output.result(result, () =>
    result.protected
      ? 'The control key is kept under the passphrase. Nobody can recover it for you: keep recovery.key safe elsewhere.'
      : 'The control key is kept without a passphrase.',
  );
  return ExitCode.ok;
};

export const unlock: CommandHandler = async ({ context }) => {
  const result = await context.call('key.unlock', { passphrase: await askPassphrase(context, 'Passphrase') });
  context.output.result(result, () => 'Unlocked until the daemon ends.');
  return ExitCode.ok;
};

export const recover: CommandHandler = async ({ context, options }) => {
  const file = options.text('file');
  const branch = options.text('branch');
  if (!options.flag('yes')) {
    if (!context.interactive) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot recover without asking you', { hint: 'Add --yes.' });
    }
    const { confirm } = await import('../prompts.ts');
    const message = 'Take over? The control key of now loses its say, everywhere and for good.';
    if (!(await confirm({ message, default: false }))) return ExitCode.failure;
  }
  const result = await context.call('sandbox.recover', {
    ...(file === undefined ? {} : { file }),
    ...(branch === undefined ? {} : { branch }),
  });
  context.output.result(
    result,
    () =>
      `Recovered: this machine decides now. The next recovery key lies in ${result.recoveryFile}: move it to a safe place.`,
  );
  return ExitCode.ok;
};

/** From SANDMESH_PASSPHRASE, else asked; never an argument, which other users of the machine could read. */
async function askPassphrase(context: CliContext, message: string): Promise<string> {
  const given = context.env['SANDMESH_PASSPHRASE'];
  if (given !== undefined && given !== '') return given;
  if (!context.interactive) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot ask for the passphrase: there is no terminal', {
      hint: 'Set SANDMESH_PASSPHRASE.',
    });
  }
  const { password } = await import('../prompts.ts');
  return password({ message });
}

async function askNew(context: CliContext): Promise<string> {
  const given = context.env['SANDMESH_NEW_PASSPHRASE'];
  const next = given !== undefined && given !== '' ? given : await askTwice(context);
  if (next.length >= MIN_LENGTH) return next;
  throw new SandboxError(
    'BAD_ARGUMENT',
    `Cannot use a passphrase of ${next.length} characters: ${MIN_LENGTH} at least`,
  );
}

async function askTwice(context: CliContext): Promise<string> {
  if (!context.interactive) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot ask for the new passphrase: there is no terminal', {
      hint: 'Set SANDMESH_NEW_PASSPHRASE.',
    });
  }
  const { password } = await import('../prompts.ts');
  const first = await password({ message: 'New passphrase' });
  if ((await password({ message: 'Once more' })) === first) return first;
  throw new SandboxError('BAD_ARGUMENT', 'Cannot use the passphrase: the two differ');
}
