/**
 * How a CLI command is described. Parsing, help texts and completions are all generated from these descriptions, so
 * loading them must stay cheap: what a command does is imported only when it runs.
 */

import type { CliContext } from './context.ts';
import type { Options } from './options.ts';

/** Values a shell can complete only by asking the daemon. */
export type DynamicValues = 'targets' | 'sandboxes' | 'breakpoints' | 'requests' | 'members' | 'config' | 'files';

export interface OptionSpec {
  /** As help shows them: `-n, --lines <count>`. */
  readonly flags: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  /** May be given several times: the values form a list. */
  readonly repeatable?: boolean;
  readonly integer?: { readonly min: number; readonly max: number };
  readonly values?: DynamicValues;
}

export interface ArgumentSpec {
  /** `<needed>`, `[optional]`, `<several...>` */
  readonly syntax: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly values?: DynamicValues;
}

export interface Invocation {
  readonly context: CliContext;
  /** Positional arguments, several ones flattened, absent ones left out. */
  readonly args: readonly string[];
  readonly options: Options;
}

/** @returns the exit code */
export type CommandHandler = (invocation: Invocation) => Promise<number>;

export type CommandGroup = 'Bring a program in' | 'Share' | 'Debug' | 'Together' | 'Trust' | 'This machine';

export interface CommandSpec {
  /** One word, or two for a sub-command: `break add`. */
  readonly name: string;
  readonly group: CommandGroup;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  readonly details?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** What `--json` prints: a catalogue command whose result it is, or a sentence. */
  readonly json: string;
  /** Everything after the first positional belongs to the program to run. */
  readonly passThrough?: boolean;
  /** The sub-command that a bare group name means. */
  readonly isDefault?: boolean;
  /** The sub-command that a group name means before a word like this: `break app.js:4`. */
  readonly impliedBy?: RegExp;
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandHandler>;
}
