/** Runs the CLI inside the test's process, with streams that remember. */

import { main } from '#client/cli/cli.ts';

export interface CliOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Pretend stdout and stderr are a terminal of this size. */
  readonly tty?: { readonly columns: number; readonly rows: number };
}

/** @returns when the command has ended; `stdout` and `stderr` of a running one are read through `onOutput` */
export async function runCli(
  argv: readonly string[],
  options: CliOptions = {},
  onOutput: (stdout: string, stderr: string) => void = () => undefined,
): Promise<CliOutcome> {
  const text = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write(chunk: string) {
      text[name] += chunk;
      onOutput(text.stdout, text.stderr);
    },
    ...(options.tty === undefined ? {} : { isTTY: true, ...options.tty }),
  });
  const code = await main(argv, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    // A stdin that is no terminal: nothing may prompt.
    stdin: () => Object.assign(Object.create(process.stdin), { isTTY: false }),
    env: options.env ?? {},
    cwd: options.cwd ?? '/project',
  });
  return { code, ...text };
}
