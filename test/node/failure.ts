/** Awaits a failure that must be ours. */

import { SandboxError } from '#shared/errors.ts';

/** @returns the error; anything but a SandboxError, or no failure at all, throws */
export async function failure(work: () => unknown): Promise<SandboxError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error('did not fail');
}
