/** Runs one of the system's own tools and gives what it printed. */

import { execFile } from 'node:child_process';

const TOOL_LIMIT_MS = 10_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * @returns standard output, also when the tool ended with an error (lsof does when it finds nothing); empty when it
 * is missing
 */
export function runTool(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { timeout: TOOL_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
    execFile(file, [...args], options, (_error, stdout) => resolve(stdout));
  });
}
