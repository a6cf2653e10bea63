/** Commands that set breakpoints, move programs and look into them. */

import type { CommandSpec, OptionSpec } from '../command-spec.ts';

const TARGET: OptionSpec = {
  flags: '-t, --target <target>',
  summary: 'id, name or pid; default: the only one, or the one that paused last',
  values: 'targets',
};
const FRAME: OptionSpec = {
  flags: '--frame <index>',
  summary: 'frame to look into, 0 innermost (default)',
  integer: { min: 0, max: 10_000 },
};

const breakpoint = {
  syntax: '<breakpoint...>',
  summary: 'id, start of one, or file:line',
  values: 'breakpoints',
} as const;

export const debuggingCommands: readonly CommandSpec[] = [
  {
    name: 'break add',
    group: 'Debug',
    summary: 'Set a breakpoint in every program that runs the file',
    args: [{ syntax: '[location]', summary: 'file:line[:column]', values: 'files' }],
    options: [
      { flags: '--if <condition>', summary: 'stop only when this expression is true' },
      { flags: '--function <name>', summary: 'stop on entry to this function instead of at a location' },
      {
        flags: '--exception <filter>',
        summary: 'stop when an exception is thrown',
        choices: ['caught', 'uncaught', 'all'],
      },
    ],
    examples: [
      ['sandmesh break add src/cart.ts:42', 'at a line'],
      ["sandmesh break add src/cart.ts:42 --if 'items.length > 3'", 'only then'],
      ['sandmesh break add --exception uncaught', 'when something goes wrong'],
    ],
    json: 'breakpoint.add',
    load: async () => (await import('../commands/break.ts')).add,
  },
  {
    name: 'break rm',
    group: 'Debug',
    summary: 'Remove breakpoints',
    args: [{ ...breakpoint, syntax: '[breakpoint...]' }],
    options: [{ flags: '--all', summary: 'all of them' }],
    examples: [['sandmesh break rm src/cart.ts:42', 'by place']],
    json: 'breakpoint.remove, one per line',
    load: async () => (await import('../commands/break.ts')).remove,
  },
  {
    name: 'break list',
    group: 'Debug',
    summary: 'List breakpoints and where each is armed',
    isDefault: true,
    examples: [['sandmesh break list', 'with the reason where one is not armed']],
    json: 'breakpoint.list',
    load: async () => (await import('../commands/break.ts')).list,
  },
  {
    name: 'break enable',
    group: 'Debug',
    summary: 'Switch breakpoints on',
    args: [breakpoint],
    examples: [['sandmesh break enable 1.m2x', 'by the start of its id']],
    json: 'breakpoint.enable, one per line',
    load: async () => (await import('../commands/break.ts')).enable,
  },
  {
    name: 'break disable',
    group: 'Debug',
    summary: 'Switch breakpoints off without removing them',
    args: [breakpoint],
    examples: [['sandmesh break disable src/cart.ts:42', 'by place']],
    json: 'breakpoint.enable, one per line',
    load: async () => (await import('../commands/break.ts')).disable,
  },
  {
    name: 'undo',
    group: 'Debug',
    summary: 'Take your own last breakpoint edit back; the edits of others stay',
    details: 'One at a time, as far back as your daemon runs. What somebody else has changed since is left alone.',
    examples: [['sandmesh undo', 'after a "break rm" too many']],
    json: 'breakpoint.undo',
    load: async () => (await import('../commands/undo.ts')).undo,
  },
  {
    name: 'redo',
    group: 'Debug',
    summary: 'Make the edit again that undo took back',
    examples: [['sandmesh redo', 'until the next edit of yours']],
    json: 'breakpoint.undo',
    load: async () => (await import('../commands/undo.ts')).redo,
  },
  {
    name: 'pause',
    group: 'Debug',
    summary: 'Pause a program at its next statement',
    options: [TARGET],
    examples: [['sandmesh pause', 'and show where it stopped']],
    json: 'execution.pause',
    load: async () => (await import('../commands/execution.ts')).pause,
  },
  {
    name: 'resume',
    group: 'Debug',
    summary: 'Let a paused program run on',
    options: [TARGET],
    examples: [['sandmesh resume', 'until the next breakpoint']],
    json: 'execution.resume',
    load: async () => (await import('../commands/execution.ts')).resume,
  },
  {
    name: 'step',
    group: 'Debug',
    summary: 'Step over (default), into or out; takes the driver lease when it is free',
    args: [{ syntax: '[kind]', summary: 'default: over', choices: ['over', 'into', 'out'] }],
    options: [TARGET],
    examples: [
      ['sandmesh step', 'to the next line'],
      ['sandmesh step into', 'into the call'],
    ],
    json: 'execution.step',
    load: async () => (await import('../commands/execution.ts')).step,
  },
  {
    name: 'stack',
    group: 'Debug',
    summary: 'Show where a paused program stands: frames, and the source around',
    options: [TARGET, { flags: '--all', summary: "Node's own frames too" }],
    examples: [['sandmesh stack', 'of the program that paused last']],
    json: 'inspect.stack',
    load: async () => (await import('../commands/inspect.ts')).stack,
  },
  {
    name: 'scopes',
    group: 'Debug',
    summary: 'Show the variables of a frame',
    options: [TARGET, FRAME, { flags: '--all', summary: 'the global scope too' }],
    examples: [
      ['sandmesh scopes', 'of the innermost frame'],
      ['sandmesh scopes --frame 2', 'of a caller'],
    ],
    json: 'inspect.scopes',
    load: async () => (await import('../commands/inspect.ts')).scopes,
  },
  {
    name: 'eval',
    group: 'Debug',
    summary: 'Evaluate an expression in a frame, or globally while the program runs',
    details: 'Runs code in the program: its host is asked once per member. Exit code 1 when the expression throws.',
    args: [{ syntax: '<expression...>', summary: 'JavaScript; best in quotes' }],
    options: [
      TARGET,
      FRAME,
      { flags: '--timeout <ms>', summary: 'give up after this long', integer: { min: 10, max: 10_000 } },
    ],
    examples: [["sandmesh eval 'cart.items.map(i => i.price)'", 'in the innermost frame']],
    json: 'inspect.evaluate',
    load: async () => (await import('../commands/inspect.ts')).evaluate,
  },
  {
    name: 'set',
    group: 'Debug',
    summary: 'Set a variable of a frame to the value of an expression',
    args: [
      { syntax: '<name>', summary: 'a variable of the frame' },
      { syntax: '<expression...>', summary: 'JavaScript; best in quotes' },
    ],
    options: [TARGET, FRAME],
    examples: [["sandmesh set total '0'", 'in the innermost frame']],
    json: 'inspect.set',
    load: async () => (await import('../commands/inspect.ts')).set,
  },
  {
    name: 'inspect',
    group: 'Debug',
    summary: 'Open a port for one DevTools client: "node inspect", Chrome, any other',
    details:
      'The port is on loopback, answers this user alone, and closes with its client. What the client may do is what you may: its breakpoints are yours and seen by everybody, stepping takes the driver lease.',
    args: [
      {
        syntax: '[target]',
        summary: 'id, name or pid; default: the only one, or the one that paused last',
        values: 'targets',
      },
    ],
    examples: [
      ['sandmesh inspect shop', 'and open the address it prints in Chrome'],
      ['node inspect "$(sandmesh inspect -q)"', "Node's own debugger"],
    ],
    json: 'cdp.listen',
    load: async () => (await import('../commands/tool-port.ts')).inspect,
  },
  {
    name: 'source',
    group: 'Debug',
    summary: 'Show the source a program runs; without a file, of the line it stands on',
    args: [{ syntax: '[file]', summary: 'file[:line] as listed by --list', values: 'files' }],
    options: [
      TARGET,
      { flags: '-l, --list', summary: 'list loaded files, those whose path contains [file]' },
      {
        flags: '-n, --lines <count>',
        summary: 'lines to show (default 21 around a line, else all)',
        integer: { min: 1, max: 100_000 },
      },
    ],
    examples: [
      ['sandmesh source', 'around the current line'],
      ['sandmesh source src/cart.ts:42', 'around a line'],
      ['sandmesh source --list cart', 'find files'],
    ],
    json: 'source.get; with --list source.list',
    load: async () => (await import('../commands/source.ts')).source,
  },
];
