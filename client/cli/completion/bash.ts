/** The bash completion: one function, no need of the bash-completion package. */

import type { CompletionCommand, CompletionOption } from './model.ts';

export function bashScript(commands: readonly CompletionCommand[]): string {
  const top = commands.filter((command) => !command.path.includes(' ')).map((command) => command.path);
  const groups = commands.filter((command) => isGroup(command, commands)).map((command) => command.path);
  return `# bash completion of sandmesh; made by: sandmesh completion bash
_sandmesh_values() { sandmesh complete-values "$1" 2>/dev/null; }
_sandmesh() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == --sandbox ]]; then ((i++)); continue; fi
    if [[ $word == -* ]]; then continue; fi
    if [[ -z $command ]]; then command=$word
    elif [[ " ${groups.join(' ')} " == *" $command "* ]]; then command="$command $word"; break
    else break
    fi
  done
  local words= values= options=
  case $command in
    '') words='${top.join(' ')} help'; options='--help --version' ;;
${commands.map((command) => bashCase(command)).join('\n')}
  esac
  case "$command:$prev" in
${commands.flatMap((command) => bashOptionCases(command)).join('\n')}
  esac
  if [[ $cur == -* ]]; then words=$options values=; fi
  if [[ $values == files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
    return
  fi
  if [[ $values == command ]]; then
    COMPREPLY=($(compgen -c -f -- "$cur"))
    return
  fi
  # A colon splits words in bash, so values that contain one cannot be offered whole.
  if [[ -n $values ]]; then words="$words $(_sandmesh_values "$values" | grep -v :)"; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _sandmesh sandmesh
`;
}

function isGroup(command: CompletionCommand, commands: readonly CompletionCommand[]): boolean {
  return commands.some((other) => other.path.startsWith(`${command.path} `));
}

function bashCase(command: CompletionCommand): string {
  const options = command.options.flatMap((option) => option.names).join(' ');
  const values = command.passThrough ? 'command' : (command.values ?? '');
  return `    '${command.path}') words='${command.choices.join(' ')}' values='${values}' options='${options}' ;;`;
}

function bashOptionCases(command: CompletionCommand): string[] {
  const withValue = command.options.filter((option) => option.takesValue);
  return withValue.map((option) => {
    const patterns = option.names.map((name) => `'${command.path}:${name}'`).join('|');
    return `    ${patterns}) ${bashValue(option)} ;;`;
  });
}

function bashValue(option: CompletionOption): string {
  if (option.choices.length > 0) return `words='${option.choices.join(' ')}' values=`;
  return `words= values='${option.values ?? ''}'`;
}
