/** Builds the argument parser and the help texts from the command table. */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { SandboxError } from '#shared/errors.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './command-spec.ts';
import { COMMON_OPTIONS } from './common-options.ts';
import { EXIT_CODE_HELP } from './exit-codes.ts';
import { Options } from './options.ts';
import { commandCalled } from './other-names.ts';

/** What was asked for, once parsed. */
export interface ParsedCommand {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: Options;
}

/** Help or version was printed: nothing to run. */
export const PRINTED = Symbol('printed');

export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly columns: number | undefined;
  readonly colors: boolean;
}

/**
 * @param argv without node and script
 * @throws {SandboxError} BAD_ARGUMENT on wrong usage
 */
export function parseCommandLine(
  argv: readonly string[],
  table: readonly CommandSpec[],
  groups: Readonly<Record<string, string>>,
  version: string,
  output: ProgramOutput,
): ParsedCommand | typeof PRINTED {
  let parsed: ParsedCommand | undefined;
  const program = buildProgram(table, groups, version, output, (command) => {
    parsed = command;
  });
  const words = spellOut(argv, table);
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return PRINTED;
    if (error.code !== 'commander.help') throw usageError(error, words, table, groups);
    // A bare "sandmesh" or "sandmesh key": the question is what it can do.
    const word = words[nextWord(words, 0, COMMON_OPTIONS)];
    (program.commands.find((command) => command.name() === word) ?? program).outputHelp();
  }
  return parsed ?? PRINTED;
}

function buildProgram(
  table: readonly CommandSpec[],
  groups: Readonly<Record<string, string>>,
  version: string,
  output: ProgramOutput,
  onCommand: (command: ParsedCommand) => void,
): Command {
  const program = new Command('sandmesh');
  const configure = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: output.out,
      writeErr: () => undefined,
      getOutHelpWidth: () => output.columns ?? 100,
      getOutHasColors: () => output.colors,
    });
    command.configureHelp({
      styleTitle: (text) => (output.colors ? `\u001b[1m${text}\u001b[22m` : text),
      // Every command has options: saying so forty times only makes the list wide.
      subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(' '),
    });
    command.helpOption('-h, --help', 'show this help');
  };
  configure(program);
  program
    .description('Debug a running program together, peer to peer: one command attaches and prints a link.')
    .version(version, '-V, --version', 'print the version')
    .usage('<command> [options]')
    .helpCommand('help [command]', 'Show help for a command')
    .commandsGroup('This machine:')
    .enablePositionalOptions();
  for (const option of COMMON_OPTIONS) program.addOption(toOption(option).hideHelp());
  const parents = new Map<string, Command>();
  for (const spec of table) {
    const [first = spec.name, second] = spec.name.split(' ');
    let parent = program;
    if (second !== undefined) {
      parent =
        parents.get(first) ??
        program
          .command(first)
          .description(groups[first] ?? '')
          .helpGroup(`${spec.group}:`);
      if (!parents.has(first)) configure(parent);
      parents.set(first, parent);
    }
    const command = parent.command(second ?? first, {
      isDefault: spec.isDefault ?? false,
      hidden: spec.hidden ?? false,
    });
    configure(command);
    describe(command, spec, onCommand);
    if (second === undefined) command.helpGroup(`${spec.group}:`);
  }
  program.addHelpText('after', overview);
  return program;
}

function describe(command: Command, spec: CommandSpec, onCommand: (command: ParsedCommand) => void): void {
  command.description(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`);
  command.summary(spec.summary).allowExcessArguments(false);
  for (const argument of spec.args ?? []) command.addArgument(toArgument(argument));
  for (const option of [...(spec.options ?? []), ...COMMON_OPTIONS]) command.addOption(toOption(option));
  if (spec.passThrough === true) command.passThroughOptions();
  const width = Math.max(...spec.examples.map(([line]) => line.length));
  const examples = spec.examples.map(([line, meaning]) => `  ${line.padEnd(width)}   ${meaning}`).join('\n');
  command.addHelpText('after', `\nExamples:\n${examples}\n\nWith --json: ${spec.json}`);
  command.action(() => {
    const args = (command.processedArgs as unknown[]).flat().filter((arg) => arg !== undefined) as string[];
    onCommand({ spec, args, options: new Options(allOptions(command)) });
  });
}

/** Those before the command's name and those after it; of a repeatable one, all. */
function allOptions(command: Command): Record<string, unknown> {
  const own = command.opts();
  const all = command.optsWithGlobals();
  for (const [name, values] of Object.entries(own)) {
    if (Array.isArray(values) && all[name] !== values) all[name] = [...(all[name] as unknown[]), ...values];
  }
  return all;
}

/** @returns `argv` as the parser takes it: see {@link separateWait} and {@link nameImplied} */
function spellOut(argv: readonly string[], table: readonly CommandSpec[]): string[] {
  const at = nextWord(argv, 0, COMMON_OPTIONS);
  return separateWait(nameImplied(argv, at, table), at, table);
}

/** @returns `argv` with the sub-command that its group's name and what follows imply: `break add app.js:4` */
function nameImplied(argv: readonly string[], at: number, table: readonly CommandSpec[]): string[] {
  const word = argv[nextWord(argv, at + 1, COMMON_OPTIONS)] ?? '';
  const implied = table.find(({ name, impliedBy }) => name.startsWith(`${argv[at]} `) && impliedBy?.test(word));
  return implied === undefined ? [...argv] : [...argv.slice(0, at), ...implied.name.split(' '), ...argv.slice(at + 1)];
}

/**
 * An optional value must follow its option with `=`: in `run --wait node app.js` the next word is the program.
 *
 * @param at where the command stands
 * @returns `argv` with a bare option that takes an optional value spelled `--wait=`
 */
function separateWait(argv: readonly string[], at: number, table: readonly CommandSpec[]): string[] {
  const separated = [...argv];
  const spec = table.find((candidate) => candidate.passThrough === true && candidate.name === argv[at]);
  const options = [...(spec?.options ?? []), ...COMMON_OPTIONS];
  const end = spec === undefined ? 0 : nextWord(argv, at + 1, options);
  for (let index = at + 1; index < end; index++) {
    if (optionFlags(argv[index] ?? '', options).includes('[')) separated[index] = `${argv[index]}=`;
  }
  return separated;
}

/** @returns the index from `from` on of the first word that is neither an option nor the value of one of `options` */
function nextWord(argv: readonly string[], from: number, options: readonly OptionSpec[]): number {
  let at = from;
  while (at < argv.length && argv[at] !== '--' && argv[at]?.startsWith('-')) {
    at += optionFlags(argv[at] ?? '', options).includes('<') ? 2 : 1;
  }
  return at;
}

function optionFlags(word: string, options: readonly OptionSpec[]): string {
  return options.find((option) => option.flags.split(/[ ,]+/).includes(word))?.flags ?? '';
}

function argumentTerm(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function toArgument(spec: ArgumentSpec): Argument {
  const argument = new Argument(spec.syntax, spec.summary);
  return spec.choices === undefined ? argument : argument.choices(spec.choices);
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.summary);
  const { choices } = spec;
  if (choices !== undefined) option.choices(choices);
  if (spec.repeatable === true) {
    // It takes the place of the check that the choices brought.
    option.argParser((text, before?: readonly string[]) => {
      if (choices?.includes(text) !== false) return [...(before ?? []), text];
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
    });
  }
  const { integer } = spec;
  if (integer !== undefined) {
    option.argParser((text) => {
      const value = Number(text);
      if (Number.isInteger(value) && value >= integer.min && value <= integer.max && text.trim() !== '') return value;
      throw new InvalidArgumentError(`It takes a whole number from ${integer.min} to ${integer.max}.`);
    });
  }
  return option;
}

function usageError(
  error: CommanderError,
  argv: readonly string[],
  table: readonly CommandSpec[],
  groups: Readonly<Record<string, string>>,
): SandboxError {
  const [group = '', sub = ''] = argv;
  const named = table.find(({ name }) => name === `${group} ${sub}`);
  if (error.code === 'commander.excessArguments' && Object.hasOwn(groups, group) && named === undefined) {
    // The parser took the word for an argument of the group's default command.
    return new SandboxError('BAD_ARGUMENT', `Unknown command '${group} ${sub}'`, {
      hint: `See "sandmesh ${group} --help".`,
    });
  }
  const [first = '', ...guess] = error.message.replace(/^error: /, '').split('\n');
  const typed = argv[nextWord(argv, 0, COMMON_OPTIONS)] ?? '';
  const known = error.code === 'commander.unknownCommand' ? commandCalled(typed) : undefined;
  const suggestion = known === undefined ? guess : [`Here it is "sandmesh ${known}".`];
  const word =
    error.code === 'commander.unknownCommand' ? undefined : (named?.name ?? argv.find((arg) => /^[a-z]/.test(arg)));
  const see = word === undefined ? 'sandmesh --help' : `sandmesh ${word} --help`;
  const hint = [...suggestion, `See "${see}".`].join(' ').trim();
  return new SandboxError('BAD_ARGUMENT', first.charAt(0).toUpperCase() + first.slice(1), { hint });
}

function overview(): string {
  const codes = EXIT_CODE_HELP.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n');
  return `
Start with:
  sandmesh run -- npm start      run your program and print the link
  sandmesh join '<link>'         on the other machine
  sandmesh watch                 see everything live

Exit codes ("run" passes on the program's own):
${codes}

Environment: SANDMESH_HOME moves all state, NO_COLOR switches colours off, SANDMESH_DEBUG=1 shows stack traces.
With --json an error is {"error": {"code", "message", "hint"?}} on stdout.`;
}
