/** The `sandmesh` command: parses, loads what the command needs, runs it, turns the outcome into an exit code. */

import { packageRoot } from './package-root.ts';

async function run(argv: string[]): Promise<void> {
  const { stdout, stderr, env } = process;
  // A reader that went away (`| head`) is no failure of ours.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`sandmesh: Cannot write the output: ${error.message}\n`);
    process.exit(1);
  });
  const { main } = await import('./cli.ts');
  process.exitCode = await main(argv, { stdout, stderr, env, cwd: process.cwd(), stdin: () => process.stdin });
}

const argv = process.argv.slice(2);
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`${packageRoot().version}\n`);
} else {
  void run(argv);
}
