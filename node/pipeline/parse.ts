/** Step 1: which command is meant, and do its arguments fit. */

import { type CommandName, catalogue, isCommandName } from '#protocol/catalogue/catalogue.ts';
import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import { badArgument } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';

export interface ParsedCommand {
  readonly name: CommandName;
  readonly definition: CommandDefinition;
  readonly args: Record<string, unknown>;
}

/** Made once each: `strict()` makes a new schema, whose first parse costs 140 µs where later ones cost 3. */
const strictArgs = new Map<CommandName, CommandDefinition['args']>();

/**
 * @throws {SandboxError} UNKNOWN_COMMAND with the nearest name as a hint, BAD_ARGUMENT naming the argument
 */
export function parseCommand(command: string, args: Readonly<Record<string, unknown>>): ParsedCommand {
  if (!isCommandName(command)) throw unknownCommand(command);
  const definition: CommandDefinition = catalogue[command];
  let schema = strictArgs.get(command);
  if (schema === undefined) {
    schema = definition.args.strict();
    strictArgs.set(command, schema);
  }
  const parsed = schema.safeParse(args);
  if (!parsed.success) throw badArgument(`the arguments of "${command}"`, parsed.error);
  return { name: command, definition, args: parsed.data };
}

function unknownCommand(command: string): SandboxError {
  const group = command.split('.')[0] ?? '';
  const near = Object.keys(catalogue).filter((name) => name.startsWith(`${group}.`));
  return new SandboxError('UNKNOWN_COMMAND', `Cannot run "${command.slice(0, 80)}": there is no such command`, {
    hint: near.length > 0 ? `There is: ${near.join(', ')}.` : 'Update the older of the two sandmesh versions.',
  });
}
