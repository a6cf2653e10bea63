/** Whether a command is there to be started. */

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { AdapterRun } from './adapter.ts';

/** @param command a name, looked for as a shell does, or a path */
export function installed(command: string, { context, env }: AdapterRun): boolean {
  const isPath = command.includes('/') || command.includes(path.sep);
  const folders = isPath ? [context.cwd] : (env['PATH'] ?? '').split(path.delimiter);
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd'] : [''];
  return folders.some((folder) => endings.some((ending) => mayRun(path.resolve(folder, command + ending))));
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not here
  }
}
