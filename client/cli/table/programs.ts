/** Commands that bring programs in and show them. */

import { ROLES } from '#shared/rights.ts';
import type { CommandSpec, OptionSpec } from '../command-spec.ts';

const LINK_ROLES = ROLES.filter((role) => role !== 'owner');

export const OPEN_OPTIONS: readonly OptionSpec[] = [
  { flags: '--private', summary: 'keep it on this machine: no link, nothing listens' },
  { flags: '--share', summary: 'listen on the local network, not only on this machine' },
  { flags: '--role <role>', summary: 'what the link lets its holder do, once approved', choices: LINK_ROLES },
];

export const programCommands: readonly CommandSpec[] = [
  {
    name: 'run',
    group: 'Bring a program in',
    summary: 'Run a command line with every Node process of it ready to be debugged',
    details:
      'The program keeps its terminal, stdin, signals, working directory and exit code; what sandmesh says goes to ' +
      'stderr. Wrappers such as npm, npx, tsx and nodemon are seen through.',
    args: [{ syntax: '<command...>', summary: 'the command line, best after --' }],
    options: [
      {
        flags: '--wait [member]',
        summary: 'hold the program at its first line until somebody (or =member) is here, or somebody resumes it',
      },
      {
        flags: '--adapter <name>',
        summary: 'the debug adapter for a program in another language: debugpy, delve, lldb',
      },
      ...OPEN_OPTIONS,
    ],
    examples: [
      ['sandmesh run -- npm start', 'run it and print the link'],
      ['sandmesh run --wait=alice -- node app.js', 'hold it until alice is here'],
      ['sandmesh run --private -- npx tsx server.ts', 'debug alone'],
      ['sandmesh run --adapter debugpy -- app.py', 'a Python program'],
    ],
    json: 'sandbox.open, as one line on stderr: stdout belongs to the program',
    passThrough: true,
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    name: 'prepare',
    group: 'Bring a program in',
    summary: 'What "node --import sandmesh/harness" asks for',
    args: [{ syntax: '<command...>', summary: 'the command line that is running' }],
    options: OPEN_OPTIONS,
    examples: [['sandmesh prepare -- node app.js', 'the environment that makes it a target']],
    json: 'the environment, as one line; what run says goes to stderr',
    passThrough: true,
    hidden: true,
    load: async () => (await import('../commands/prepare.ts')).prepare,
  },
  {
    name: 'adapter',
    group: 'Bring a program in',
    summary: 'What an editor\'s "launch" of a program in another language has a terminal run',
    examples: [['sandmesh adapter', 'with SANDMESH_ADAPTER in the environment']],
    json: 'nothing: stdout belongs to the program',
    hidden: true,
    load: async () => (await import('../commands/adapter.ts')).adapter,
  },
  {
    name: 'attach',
    group: 'Bring a program in',
    summary: 'Attach to a running Node process',
    details: 'Without an argument: lists your Node processes and lets you choose.',
    args: [{ syntax: '[process]', summary: 'pid, or host:port of an inspector' }],
    options: [
      {
        flags: '--ssh <destination>',
        summary: 'the process runs on another machine: user@host, ssh://user@host:port, or a name of ~/.ssh/config',
      },
      ...OPEN_OPTIONS,
    ],
    examples: [
      ['sandmesh attach', 'choose from a list'],
      ['sandmesh attach 4711', 'by process id'],
      ['sandmesh attach localhost:9229', 'by inspector address'],
      ['sandmesh attach --ssh ada@build.example 4711', 'on another machine, which needs no sandmesh'],
    ],
    json: '{link, sandbox, target}: sandbox.open and target.attach; without an argument target.candidates',
    load: async () => (await import('../commands/attach.ts')).attach,
  },
  {
    name: 'dap',
    group: 'Bring a program in',
    summary: 'Debug from your editor: a debug adapter (DAP) on stdio, or on a port of this machine',
    details:
      'Your editor starts it; "launch" runs a program like "sandmesh run", "attach" takes one that runs here or at ' +
      'another member: {"target": name, id or pid}, {"pid"}, {"address": host:port} or {"link"}. See README, Editors.',
    options: [
      {
        flags: '--port <port>',
        summary: 'listen on 127.0.0.1 instead, for this user only; 0: any',
        integer: { min: 0, max: 65_535 },
      },
      {
        flags: '--map <theirs=here>',
        summary: "a folder of the program's machine or project is this one here (several times)",
        repeatable: true,
      },
    ],
    examples: [
      ['sandmesh dap', 'what an editor is told to start'],
      ['sandmesh dap --port 4711', 'for editors that connect ("debugServer": 4711 in VS Code)'],
      ['sandmesh dap --map /app=.', 'the program runs from /app, in a container say'],
    ],
    json: 'with --port {host, port}; without it stdout belongs to the protocol',
    load: async () => (await import('../commands/dap.ts')).dap,
  },
  {
    name: 'detach',
    group: 'Bring a program in',
    summary: 'Let go of a program; it keeps running',
    args: [{ syntax: '[target]', summary: 'id, name or pid', values: 'targets' }],
    examples: [['sandmesh detach shop', 'by name']],
    json: 'target.detach',
    load: async () => (await import('../commands/attach.ts')).detach,
  },
  {
    name: 'targets',
    group: 'Bring a program in',
    summary: 'List the programs of every member and where each stands',
    examples: [['sandmesh targets', 'list them']],
    json: 'target.list',
    load: async () => (await import('../commands/targets.ts')).targets,
  },
  {
    name: 'log',
    group: 'Bring a program in',
    summary: "Show a program's console",
    options: [
      { flags: '-f, --follow', summary: 'keep printing new lines until Ctrl-C' },
      { flags: '-n, --lines <count>', summary: 'lines of the past (default 100)', integer: { min: 1, max: 2000 } },
      { flags: '-t, --target <target>', summary: 'id, name or pid', values: 'targets' },
    ],
    examples: [
      ['sandmesh log', 'the last 100 lines'],
      ['sandmesh log -f -n 5', 'the last 5, then live'],
    ],
    json: 'output.read; with --follow then {lines}, and {hits} of logpoints and tracepoints, as they come',
    load: async () => (await import('../commands/log.ts')).log,
  },
];
