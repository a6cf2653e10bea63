/** One run of the CLI inside this process. */

import { SandboxError } from '#shared/errors.ts';
import { CliContext } from './context.ts';
import { ExitCode, exitCodeOf } from './exit-codes.ts';
import { Output } from './output.ts';
import { packageRoot } from './package-root.ts';
import { PRINTED, parseCommandLine } from './program.ts';
import { commandTable, GROUP_SUMMARIES } from './table/command-table.ts';

/** @returns the exit code; never throws */
export async function main(argv: readonly string[]): Promise<number> {
  const { env, stdout, stderr } = process;
  // A reader that went away (`| head`) is no failure of ours.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(ExitCode.ok);
  });
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
      cwd: process.cwd(),
      sandbox: options.text('sandbox'),
      stdin: () => process.stdin,
    });
    const handler = await spec.load();
    return await handler({ context, args, options });
  } catch (thrown) {
    const error = SandboxError.from(thrown);
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
