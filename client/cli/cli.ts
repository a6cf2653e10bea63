/** One run of the CLI inside this process. */

import { SandboxError } from '#shared/errors.ts';
import { CliContext } from './context.ts';
import { ExitCode, exitCodeOf } from './exit-codes.ts';
import { Output, type OutputStream } from './output.ts';
import { packageRoot } from './package-root.ts';
import { PRINTED, parseCommandLine } from './program.ts';
import { commandTable, GROUP_SUMMARIES } from './table/command-table.ts';

/** The process around one run; tests give their own. */
export interface CliProcess {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: () => NodeJS.ReadStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** @returns the exit code; never throws */
export async function main(argv: readonly string[], io: CliProcess): Promise<number> {
  const { env, stdout, stderr } = io;
  let output = new Output({ stdout, stderr, env, json: argvHas(argv, '--json'), quiet: false });
  let context: CliContext | undefined;
  try {
    const parsed = parseCommandLine(argv, commandTable, GROUP_SUMMARIES, packageRoot().version, {
      out: (text) => void stdout.write(text),
      columns: stdout.columns,
      colors: output.colors.isColorSupported,
    });
    if (parsed === PRINTED) return ExitCode.ok;
    const { spec, args, options } = parsed;
    output = new Output({ stdout, stderr, env, json: options.flag('json'), quiet: options.flag('quiet') });
    context = new CliContext({
      output,
      env,
      cwd: io.cwd,
      sandbox: options.text('sandbox'),
      settings: options.list('set'),
      stdin: io.stdin,
    });
    const handler = await spec.load();
    return await handler({ context, args, options });
  } catch (thrown) {
    // A prompt that was left with Ctrl-C.
    const left = thrown instanceof Error && thrown.name === 'ExitPromptError';
    const error = left ? new SandboxError('CANCELLED', 'Nothing chosen', { cause: thrown }) : SandboxError.from(thrown);
    output.error(error);
    return exitCodeOf(error.code);
  } finally {
    context?.close();
  }
}

/** Before parsing succeeds, whether errors should be JSON; a program after `--` has its own --json. */
function argvHas(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes(flag);
}
