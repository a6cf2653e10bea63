/** `key protect`, `key unlock` and `recover`: the key that decides about the sandbox. */

import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';

const MIN_LENGTH = 8;

const KEPT = {
  passphrase:
    'The control key is kept under the passphrase. Nobody can recover it for you: keep recovery.key safe elsewhere.',
  keyring: "The control key is kept under a secret in this user's keyring. Keep recovery.key safe elsewhere.",
  none: 'The control key is kept without a passphrase.',
} as const;

export const protect: CommandHandler = async ({ context, options }) => {
  const off = options.flag('off');
  const keyring = options.flag('keyring');
  const given = options.flag('change') || off || keyring ? givenPassphrase(context) : undefined;
  const next = off || keyring ? undefined : await askNew(context);
  const result = await withPassphrase(context, given, 'Passphrase of now', (current) =>
    context.call('key.protect', {
      ...current,
      ...(next === undefined ? {} : { next }),
      ...(keyring ? { keyring } : {}),
    }),
  );
  context.output.result(result, () => KEPT[result.by]);
  return ExitCode.ok;
};

export const unlock: CommandHandler = async ({ context }) => {
  const result = await withPassphrase(context, givenPassphrase(context), 'Passphrase', (current) =>
    context.call('key.unlock', current),
  );
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
    ...(file === undefined ? {} : { file: context.absolute(file) }),
    ...(branch === undefined ? {} : { branch }),
  });
  context.output.result(
    result,
    () =>
      `Recovered: this machine decides now. The next recovery key lies in ${result.recoveryFile}: move it to a safe place. ` +
      'The new control key is not protected yet: sandmesh key protect.',
  );
  return ExitCode.ok;
};

/** From SANDMESH_PASSPHRASE; never an argument, which other users of the machine could read. */
function givenPassphrase({ env }: CliContext): string | undefined {
  return env['SANDMESH_PASSPHRASE'] || undefined;
}

/** Asks for the passphrase only where it takes one: not for a plain key, nor for one whose secret the keyring has. */
async function withPassphrase<T>(
  context: CliContext,
  given: string | undefined,
  message: string,
  call: (current: { passphrase?: string }) => Promise<T>,
): Promise<T> {
  try {
    return await call(given === undefined ? {} : { passphrase: given });
  } catch (error) {
    if (given !== undefined || SandboxError.from(error).code !== 'UNAUTHENTICATED') throw error;
    return await call({ passphrase: await askPassphrase(context, message) });
  }
}

async function askPassphrase(context: CliContext, message: string): Promise<string> {
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
  throw new SandboxError('BAD_ARGUMENT', `Cannot use a passphrase shorter than ${MIN_LENGTH} characters`);
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
