/** Runs a system's own keyring tool. Secrets go through its standard input: arguments are for everybody to see. */

import { spawn } from 'node:child_process';

/** A locked keyring asks the person for its password meanwhile. */
const TOOL_LIMIT_MS = 20_000;
const MAX_OUTPUT_CHARS = 64 * 1024;

export interface ToolResult {
  /** null: it was not found, or was given up after 20 s. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type RunKeyringTool = (file: string, args: readonly string[], input: string) => Promise<ToolResult>;

/** Never rejects: what went wrong is in the result. */
export const runKeyringTool: RunKeyringTool = (file, args, input) =>
  new Promise((resolve) => {
    const child = spawn(file, [...args], { windowsHide: true });
    const limit = setTimeout(() => child.kill(), TOOL_LIMIT_MS);
    let stdout = '';
    let stderr = '';
    const settle = (code: number | null, error = stderr): void => {
      clearTimeout(limit);
      resolve({ code, stdout, stderr: error });
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = `${stdout}${text}`.slice(0, MAX_OUTPUT_CHARS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = `${stderr}${text}`.slice(0, MAX_OUTPUT_CHARS);
    });
    child.on('error', (error) => {
      // One that never started leaves its pipes open.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      settle(null, error.message);
    });
    child.on('close', (code) => settle(code));
    // A tool that ends without reading is told by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });

/** What a tool complained of, in one line. */
export function complaint({ code, stderr }: ToolResult): string {
  const line = stderr.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  if (line !== '') return line;
  return code === null ? 'no answer within 20 s' : `its tool ended with ${code}`;
}
