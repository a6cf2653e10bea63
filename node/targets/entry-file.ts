/** The main script of a Node command line; used by the harness in other people's processes, so it pulls in nothing. */

import { existsSync, realpathSync } from 'node:fs';

/**
 * @param script as on the command line: `node app` stands for app.js or app/index.js
 * @param resolve Node's own look-up, from where the program was started
 * @returns absolute real path; undefined when there is no such file, which Node itself will say
 */
export function entryFile(script: string, resolve: (script: string) => string): string | undefined {
  try {
    return realpathSync(resolve(script));
  } catch {
    // not resolvable the CommonJS way
    return existsSync(script) ? realpathSync(script) : undefined;
  }
}
