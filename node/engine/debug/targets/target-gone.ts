/** A process may end at any moment: what was asked of it then fails, and nobody is to blame. */

import { SandboxError } from '#shared/errors.ts';

/** Waits for what was asked of a process; one that ended meanwhile has done it as far as it ever will. */
export async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const isGone = error instanceof SandboxError && error.code === 'TARGET_GONE';
    if (!isGone) throw error;
  }
}
