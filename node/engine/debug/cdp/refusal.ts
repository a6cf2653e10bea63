/** How a call that may not be made is refused: with what it was and why. */

import { SandboxError } from '#shared/errors.ts';
import type { Target } from '#shared/model/target.ts';

export function refused(method: string, why: string): SandboxError {
  return new SandboxError('FORBIDDEN', `Cannot pass "${method.slice(0, 100)}" on to the target: ${why}`);
}

/** For a target that a debug adapter debugs. */
export function notJavaScript({ name, runtime }: Pick<Target, 'name' | 'runtime'>): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot inspect ${name}: DevTools debug JavaScript, this is ${runtime}`, {
    hint: 'Use an editor ("sandmesh dap") or the terminal.',
  });
}
