/** What another machine is told of an error here. */

import { SandboxError } from '#shared/errors.ts';

/**
 * An error of this machine's own home names places here, and advises whoever sits here: elsewhere it would read as if the
 * reader's own disk were full.
 */
export function toldError(thrown: unknown): SandboxError {
  const error = SandboxError.from(thrown);
  if (error.code !== 'HOME_UNWRITABLE') return error;
  return new SandboxError('INTERNAL', 'Cannot do that now: the machine asked cannot write to its own disk', {
    hint: 'Tell whoever sits there: "sandmesh doctor" and its log say why.',
    cause: error,
  });
}
