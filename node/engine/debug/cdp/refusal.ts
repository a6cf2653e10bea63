/** How a call that may not be made is refused: with what it was and why. */

import { SandboxError } from '#shared/errors.ts';

export function refused(method: string, why: string): SandboxError {
  return new SandboxError('FORBIDDEN', `Cannot pass "${method.slice(0, 100)}" on to the target: ${why}`);
}
