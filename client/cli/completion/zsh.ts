/** The zsh completion: works sourced after compinit, or as a file named _sandmesh in fpath. */

import type { CompletionCommand, CompletionOption } from './model.ts';

export function zshScript(commands: readonly CompletionCommand[]): string {
  const top = commands.filter((command) => !command.path.includes(' '));
  return `#compdef sandmesh
# zsh completion of sandmesh; made by: sandmesh completion zsh
_sandmesh_values() {
  local -a found
  found=(\${(f)"$(sandmesh complete-values $1 2>/dev/null)"})
  compadd -a found
}
_sandmesh() {
  local -a commands
  if (( CURRENT == 2 )); then
    commands=(
${top.map((command) => `      ${described(command.path, command.summary)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  case $command in
${top.map((command) => topCase(command, commands)).join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _sandmesh "$@"; else compdef _sandmesh sandmesh; fi
`;
}

function topCase(command: CompletionCommand, commands: readonly CompletionCommand[]): string {
  const children = commands.filter((other) => other.path.startsWith(`${command.path} `));
  if (children.length === 0) return `    ${command.path})\n${argumentsOf(command, 2, '      ')}\n      ;;`;
  const names = children.map((child) => described(child.path.slice(command.path.length + 1), child.summary)).join(' ');
  const cases = children
    .map(
      (child) =>
        `        ${child.path.slice(command.path.length + 1)})\n${argumentsOf(child, 3, '          ')}\n          ;;`,
    )
    .join('\n');
  return `    ${command.path})
      if (( CURRENT == 3 )); then
        commands=(${names})
        _describe command commands
        return
      fi
      case $words[3] in
${cases}
      esac
      ;;`;
}

/** @param depth words that name the command, with sandmesh itself */
function argumentsOf(command: CompletionCommand, depth: number, indent: string): string {
  const specs = command.options.flatMap((option) => option.names.map((name) => optionSpec(name, option)));
  const rest = command.passThrough ? "'*:::command: _normal'" : positional(command);
  const shift = depth - 1;
  return [
    `words=("\${(@)words[${depth},-1]}")`,
    `(( CURRENT -= ${shift} ))`,
    `_arguments -s ${[...specs, rest].filter((spec) => spec !== '').join(' ')}`,
  ]
    .map((line) => indent + line)
    .join('\n');
}

function positional(command: CompletionCommand): string {
  if (command.choices.length > 0) return `'*:argument:(${command.choices.join(' ')})'`;
  return command.values === undefined ? '' : `'*:argument:${action(command.values)}'`;
}

function optionSpec(name: string, option: CompletionOption): string {
  const summary = plain(option.summary).replaceAll('[', '(').replaceAll(']', ')');
  if (!option.takesValue) return `'${name}[${summary}]'`;
  const value = option.choices.length > 0 ? `(${option.choices.join(' ')})` : action(option.values);
  return `'${name}[${summary}]:value:${value}'`;
}

function action(values: string | undefined): string {
  if (values === undefined) return '';
  return values === 'files' ? '_files' : `{_sandmesh_values ${values}}`;
}

function described(name: string, summary: string): string {
  return `'${name}:${plain(summary)}'`;
}

/** Colons and quotes have a meaning in the specs. */
function plain(text: string): string {
  return text.replaceAll("'", '’').replaceAll(':', ' -');
}
