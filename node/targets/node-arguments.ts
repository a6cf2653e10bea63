/** Reads a node command line as the system shows it. */

/** Splits a system's command line into what Node calls `execArgv` and `argv`. */
export function splitNodeArguments(commandLine: readonly string[]): { argv: string[]; execArgv: string[] } {
  const [binary = 'node', ...rest] = commandLine;
  const scriptAt = rest.findIndex((argument, index) => !argument.startsWith('-') && !takesValue(rest[index - 1]));
  if (scriptAt < 0) return { argv: [binary], execArgv: rest };
  return { argv: [binary, ...rest.slice(scriptAt)], execArgv: rest.slice(0, scriptAt) };
}

function takesValue(option: string | undefined): boolean {
  return (
    option !== undefined && /^(?:-r|-C|-e|-p|--require|--import|--loader|--conditions|--env-file|--eval)$/.test(option)
  );
}
