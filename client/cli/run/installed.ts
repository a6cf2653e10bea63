/** Where a command is, if it is there to be started. */

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { AdapterRun } from './adapter-start.ts';

/**
 * @param command a name, looked for as a shell does, or a path
 * @returns its absolute path; undefined when there is none
 */
export function installed(command: string, { context, env }: AdapterRun): string | undefined {
  const isPath = command.includes('/') || command.includes(path.sep);
  const folders = isPath ? [context.cwd] : (env['PATH'] ?? '').split(path.delimiter);
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd'] : [''];
  const files = folders.flatMap((folder) => endings.map((ending) => path.resolve(folder, command + ending)));
  return files.find(mayRun);
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not here
  }
}
