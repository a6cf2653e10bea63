/** The fish completion: one `complete` line per word, with conditions on the command typed so far. */

import type { CompletionCommand, CompletionOption } from './model.ts';

export function fishScript(commands: readonly CompletionCommand[]): string {
  const top = commands.filter((command) => !command.path.includes(' '));
  const names = top.map((command) => command.path).join(' ');
  const lines = top.map(
    (command) => `complete -c sandmesh -n __fish_use_subcommand -a ${command.path} -d ${quoted(command.summary)}`,
  );
  for (const command of commands) lines.push(...commandLines(command, commands));
  return `# fish completion of sandmesh; made by: sandmesh completion fish
# commands: ${names}
complete -c sandmesh -f
${lines.join('\n')}
`;
}

function commandLines(command: CompletionCommand, commands: readonly CompletionCommand[]): string[] {
  const [first = '', second] = command.path.split(' ');
  const children = commands.filter((other) => other.path.startsWith(`${command.path} `));
  const seen = `__fish_seen_subcommand_from ${first}`;
  if (children.length > 0) {
    const subs = children.map((child) => child.path.slice(first.length + 1));
    const none = `${seen}; and not __fish_seen_subcommand_from ${subs.join(' ')}`;
    return children.map(
      (child, index) => `complete -c sandmesh -n '${none}' -a ${subs[index] ?? ''} -d ${quoted(child.summary)}`,
    );
  }
  const condition = second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`;
  const prefix = `complete -c sandmesh -n '${condition}'`;
  const lines = command.options.map((option) => optionLine(prefix, option));
  if (command.passThrough) lines.push(`${prefix} -F`, `${prefix} -a '(__fish_complete_subcommand)'`);
  else if (command.choices.length > 0) lines.push(`${prefix} -a ${quoted(command.choices.join(' '))}`);
  else if (command.values === 'files') lines.push(`${prefix} -F`);
  else if (command.values !== undefined) lines.push(`${prefix} -a '${dynamic(command.values)}'`);
  return lines;
}

function optionLine(prefix: string, option: CompletionOption): string {
  const names = option.names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const value = !option.takesValue
    ? ''
    : option.choices.length > 0
      ? ` -x -a ${quoted(option.choices.join(' '))}`
      : option.values === undefined || option.values === 'files'
        ? ' -r'
        : ` -x -a '${dynamic(option.values)}'`;
  return `${prefix} ${names.join(' ')}${value} -d ${quoted(option.summary)}`;
}

function dynamic(values: string): string {
  return `(sandmesh complete-values ${values} 2>/dev/null)`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
