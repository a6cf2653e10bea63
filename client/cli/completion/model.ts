/** What a completion needs to know about each command, taken from the command table. */

import type { CommandSpec, DynamicValues } from '../command-spec.ts';
import { COMMON_OPTIONS } from '../common-options.ts';
import { GROUP_SUMMARIES } from '../table/command-table.ts';

export interface CompletionOption {
  /** `-f`, `--follow` */
  readonly names: readonly string[];
  readonly summary: string;
  /** Takes the next word as its value; an optional value (`--wait=alice`) does not. */
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly values: DynamicValues | undefined;
}

export interface CompletionCommand {
  /** `break add`, or a group: `break`. */
  readonly path: string;
  readonly summary: string;
  readonly options: readonly CompletionOption[];
  /** Words the positionals may be. */
  readonly choices: readonly string[];
  readonly values: DynamicValues | undefined;
  readonly passThrough: boolean;
}

/** Visible commands; a group is listed once, before its sub-commands. */
export function completionModel(table: readonly CommandSpec[]): CompletionCommand[] {
  const commands: CompletionCommand[] = [];
  const groups = new Set<string>();
  for (const spec of table) {
    if (spec.hidden === true) continue;
    const [group, second] = spec.name.split(' ');
    if (group !== undefined && second !== undefined && !groups.has(group)) {
      groups.add(group);
      commands.push({
        path: group,
        summary: GROUP_SUMMARIES[group] ?? '',
        options: [],
        choices: table.flatMap(({ name }) => (name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [])),
        values: undefined,
        passThrough: false,
      });
    }
    commands.push({
      path: spec.name,
      summary: spec.summary,
      options: [...(spec.options ?? []), ...COMMON_OPTIONS, HELP].map((option) => ({
        names: option.flags.split(/[ ,|]+/).filter((word) => word.startsWith('-')),
        summary: option.summary,
        takesValue: option.flags.includes('<'),
        choices: option.choices ?? [],
        values: option.values,
      })),
      choices: spec.args?.[0]?.choices ?? [],
      values: spec.args?.[0]?.values,
      passThrough: spec.passThrough ?? false,
    });
  }
  return commands;
}

const HELP = { flags: '-h, --help', summary: 'show help', choices: undefined, values: undefined };
