/** What another machine is told of an error here. */

import { SandboxError } from '#shared/errors.ts';

/**
 * Some errors name places of this machine's own home, and advise whoever sits here: elsewhere they would read as if it
 * were the reader's own disk that is full, or key that is locked.
 */
export function toldError(thrown: unknown): SandboxError {
  const error = SandboxError.from(thrown);
  switch (error.code) {
    case 'HOME_UNWRITABLE':
      return new SandboxError('INTERNAL', 'Cannot do that now: the machine asked cannot write to its own disk', {
        hint: 'Tell whoever sits there: "sandmesh doctor" and its log say why.',
        cause: error,
      });
    case 'KEY_LOCKED':
      return new SandboxError('KEY_LOCKED', 'Cannot do that now: on the machine asked the control key is locked', {
        hint: 'Tell whoever sits there to unlock it ("sandmesh key unlock"), and try again.',
        cause: error,
      });
    default:
      return error;
  }
}
