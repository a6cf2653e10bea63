/** The options of this project's own commands, for people who type them. */

import { type ParseArgsConfig, parseArgs } from 'node:util';

/**
 * `--help`, and what the command does not know, end the process with its usage.
 *
 * @param usage whole, with every option
 */
export function commandLine<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  const asked = process.argv.slice(2);
  if (asked.includes('--help') || asked.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    process.exit(2);
  }
}
