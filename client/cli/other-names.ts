/** What commands are called in other debuggers and tools (gdb, node inspect, pdb, tmate), for whoever types that here. */

const NAMES: Readonly<Record<string, readonly string[]>> = {
  run: ['start', 'launch', 'debug'],
  targets: ['ps', 'programs', 'processes'],
  log: ['logs', 'console', 'tail', 'output'],
  invite: ['link', 'url'],
  join: ['connect'],
  members: ['who', 'users', 'peers', 'people'],
  revoke: ['kick', 'remove', 'ban'],
  chat: ['say', 'msg', 'message'],
  'draft open': ['edit'],
  'break add': ['b', 'breakpoint', 'tbreak'],
  'break add --log <message>': ['logpoint', 'dprintf'],
  'break add --trace': ['trace', 'tracepoint'],
  'break list': ['breakpoints'],
  'break rm': ['clear', 'unbreak'],
  pause: ['interrupt'],
  resume: ['continue', 'cont', 'c', 'go'],
  step: ['next', 'n', 'over'],
  'step into': ['s', 'into'],
  'step out': ['finish', 'out', 'o'],
  stack: ['bt', 'backtrace', 'where', 'frames'],
  scopes: ['vars', 'variables', 'locals', 'info'],
  eval: ['print', 'p', 'exec'],
  source: ['list', 'l', 'src'],
  detach: ['quit', 'disconnect'],
  stop: ['kill', 'shutdown', 'exit'],
};

/** Command → its other names. */
export const OTHER_NAMES = Object.entries(NAMES);

/** @returns the command that does here what goes by this word elsewhere */
export function commandCalled(word: string): string | undefined {
  return OTHER_NAMES.find(([, names]) => names.includes(word))?.[0];
}
