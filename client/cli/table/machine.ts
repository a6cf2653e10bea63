/** Commands about this machine: the daemon, its configuration, its health, the shell. */

import type { CommandSpec } from '../command-spec.ts';

const KEY = { syntax: '<key>', summary: 'for example network.reach', values: 'config' } as const;

export const machineCommands: readonly CommandSpec[] = [
  {
    name: 'status',
    group: 'This machine',
    summary: 'Show the daemon, its sandboxes and programs; starts nothing',
    examples: [['sandmesh status', 'exit code 3 when no daemon runs']],
    json: '{daemon: daemon.status, sandboxes: of sandbox.list, targets: of target.list in this sandbox}',
    load: async () => (await import('../commands/status.ts')).status,
  },
  {
    name: 'stop',
    group: 'This machine',
    summary: 'Stop the daemon; the programs keep running',
    examples: [['sandmesh stop', 'it starts again when needed']],
    json: 'daemon.stop',
    load: async () => (await import('../commands/stop.ts')).stop,
  },
  {
    name: 'config get',
    group: 'This machine',
    summary: 'Show one configuration value and where it comes from',
    args: [KEY],
    examples: [['sandmesh config get name', 'your name as others see it']],
    json: 'config.get',
    load: async () => (await import('../commands/config.ts')).get,
  },
  {
    name: 'config set',
    group: 'This machine',
    summary: 'Write one configuration value to the file',
    args: [KEY, { syntax: '<value>', summary: 'the new value' }],
    examples: [['sandmesh config set name alice', 'your name as others see it']],
    json: 'config.set',
    load: async () => (await import('../commands/config.ts')).set,
  },
  {
    name: 'config list',
    group: 'This machine',
    summary: 'List every configuration value',
    isDefault: true,
    examples: [['sandmesh config list', 'with what each means']],
    json: 'config.list',
    load: async () => (await import('../commands/config.ts')).list,
  },
  {
    name: 'doctor',
    group: 'This machine',
    summary: 'Check this machine: versions, permissions, daemon, attaching, ports',
    examples: [['sandmesh doctor', 'says what to do about each problem; exit code 1 if there is one']],
    json: '{checks: [{name, state: ok | warning | problem, detail, advice?}]}',
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
  {
    name: 'completion',
    group: 'This machine',
    summary: 'Print the completion script for your shell',
    args: [{ syntax: '<shell>', summary: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      ['sandmesh completion bash >> ~/.bashrc', 'bash'],
      ['sandmesh completion zsh > ~/.zfunc/_sandmesh', 'zsh, with ~/.zfunc in fpath'],
      ['sandmesh completion fish > ~/.config/fish/completions/sandmesh.fish', 'fish'],
    ],
    json: '{shell, script}',
    load: async () => (await import('../commands/completion.ts')).completion,
  },
  {
    name: 'complete-values',
    group: 'This machine',
    summary: 'List values for the completion scripts',
    args: [{ syntax: '<kind>', summary: 'targets, sandboxes, breakpoints, requests, members, config' }],
    examples: [['sandmesh complete-values targets', 'one per line']],
    json: '{values: […]}',
    hidden: true,
    load: async () => (await import('../commands/complete-values.ts')).completeValues,
  },
];
