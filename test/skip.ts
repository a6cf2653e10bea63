/**
 * Skipping with a reason. uvu's own `.skip` names none, so the runner refuses it; this prints a line that the runner
 * counts and shows. In CI nothing is skipped: there a skip is a failure.
 */

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Callback, Test } from 'uvu';

/** The line's start; the runner looks for it at the beginning of a line of a test file's standard output. */
export const SKIP_PREFIX = 'SKIP ';

/**
 * Registers a test, or prints why it cannot run here.
 *
 * @param obstacle one sentence why not, for example from {@link commandMissing}; undefined: the test runs
 */
export function unless<T>(test: Test<T>, obstacle: string | undefined, title: string, handler: Callback<T>): void {
  if (obstacle === undefined) test(title, handler);
  else process.stdout.write(`${SKIP_PREFIX}${title}: ${obstacle}\n`);
}

/** @returns an obstacle when no executable of that name is on the PATH */
export function commandMissing(name: string): string | undefined {
  return executable(name) === undefined ? `the command "${name}" is not installed` : undefined;
}

/** Where the executable of that name is on the PATH. */
export function executable(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return path.join(folder, name);
    } catch {
      // not in this folder: the next one may have it
    }
  }
  return undefined;
}
