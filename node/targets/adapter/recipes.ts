/**
 * Debug adapters that are known by name: how each is started, and what it is to be told so that the program keeps the
 * terminal it was started in. What the adapters say afterwards is the same for all.
 */

import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parsePythonCommand } from './python-command.ts';

export interface AdapterProgram {
  readonly argv: readonly string[];
  /** Absolute folder it starts in. */
  readonly folder: string;
}

/** What to start, and what to ask of it. */
export interface AdapterLaunch {
  /** As people call it: `debugpy`. */
  readonly name: string;
  /** `Python`; the adapter's name where it is not known. */
  readonly language: string;
  /**
   * Command lines, of which the first that is installed is meant; empty with an address. `{port}` is where the adapter is
   * to connect to; without it, it speaks on its stdio.
   */
  readonly commands: readonly (readonly string[])[];
  /** `host:port` at which it listens already. */
  readonly address?: string;
  readonly request: 'launch' | 'attach';
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Absolute path of the file the program begins in, where that can be told. */
  readonly entry: string | undefined;
  /** What people take for its first line, where the adapter means one before that: of the loader, or of no goroutine. */
  readonly entryFunction?: string;
  /** It stops there. */
  readonly stopOnEntry?: boolean;
  /** What it says of a stop where the program crashes, if it stops there without a filter. */
  readonly crash?: RegExp;
  /** Disconnected, it ends what it launched, whatever it is told. */
  readonly endsWhenLeft?: boolean;
  /** How an expression of the language is made one that says `True`, `true` or not; undefined: as it is. */
  readonly truth?: (expression: string) => string;
}

type Recipe = (program: AdapterProgram) => AdapterLaunch;

const PYTHON = /^(?:python|pypy)[\d.]*(?:\.exe)?$/i;

/** Python's, by its own launcher in our terminal; `python3`, unless the command line names an interpreter. */
const debugpy: Recipe = ({ argv, folder }) => {
  const named = PYTHON.test(basename(argv[0] ?? ''));
  const python = named ? (argv[0] as string) : 'python3';
  const { options, runs, args } = parsePythonCommand(named ? argv.slice(1) : argv);
  const what = 'file' in runs ? { program: resolve(folder, runs.file) } : runs;
  return {
    name: 'debugpy',
    language: 'Python',
    commands: [[python, '-m', 'debugpy.adapter']],
    request: 'launch',
    arguments: {
      type: 'python',
      console: 'integratedTerminal',
      redirectOutput: true,
      subProcess: false,
      python: [python, ...options],
      cwd: folder,
      ...what,
      args,
    },
    entry: 'program' in what ? existing(what.program) : undefined,
    truth: (expression) => `bool(${expression}\n)`,
  };
};

/** Go's: delve starts the program in the terminal it was started in itself. It builds a file or a package first. */
const delve: Recipe = ({ argv, folder }) => {
  const [what = '', ...args] = argv;
  const program = resolve(folder, what);
  const isSource = what.endsWith('.go') || isFolder(program);
  return {
    name: 'delve',
    language: 'Go',
    commands: [['dlv', 'dap', '--client-addr', '127.0.0.1:{port}']],
    request: 'launch',
    arguments: {
      mode: isSource ? 'debug' : 'exec',
      program,
      args,
      cwd: folder,
      stackTraceDepth: 100,
      hideSystemGoroutines: true,
    },
    entry: what.endsWith('.go') ? existing(program) : undefined,
    entryFunction: 'main.main',
    crash: /panic|fatal error|bad access/i,
    endsWhenLeft: true,
  };
};

/** C, C++, Rust and whatever else lldb reads: it starts the program by a process in our terminal that becomes it. */
const lldb: Recipe = ({ argv, folder }) => {
  const [what = '', ...args] = argv;
  const file = resolve(folder, what);
  return {
    name: 'lldb',
    language: 'native code',
    commands: ['lldb-dap', 'lldb-vscode', ...[19, 18, 17, 16, 15, 14].map(versioned)].map((name) => [name]),
    request: 'launch',
    arguments: { program: existing(file) ?? what, args, cwd: folder, runInTerminal: true },
    entry: undefined,
    entryFunction: 'main',
    // Of other signals, such as the keyboard's, it is as much the program that decides what they mean.
    crash: /^signal SIG(?:ABRT|BUS|FPE|ILL|SEGV|SYS|TRAP)\b|^EXC_/,
  };
};

/** What the configuration says of an adapter: see the key `debug.adapters`. */
export interface OwnAdapter {
  readonly command?: readonly string[] | undefined;
  readonly address?: string | undefined;
  readonly request: 'launch' | 'attach';
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly language?: string | undefined;
}

export function configuredLaunch(name: string, own: OwnAdapter, { argv, folder }: AdapterProgram): AdapterLaunch {
  const [what = '', ...args] = argv;
  const program = existing(resolve(folder, what)) ?? what;
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replaceAll('{program}', program).replaceAll('{cwd}', folder);
    if (Array.isArray(value)) return value.flatMap((each) => (each === '{args}' ? args : [filled(each)]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each)]));
  };
  return {
    name,
    language: own.language ?? name,
    commands: own.command === undefined ? [] : [own.command],
    ...(own.address === undefined ? {} : { address: own.address }),
    request: own.request,
    arguments: filled(own.arguments) as Record<string, unknown>,
    entry: existing(resolve(folder, what)),
  };
}

const versioned = (version: number): string => `${version >= 18 ? 'lldb-dap' : 'lldb-vscode'}-${version}`;

export const RECIPES: Readonly<Record<string, Recipe>> = { debugpy, python: debugpy, delve, dlv: delve, lldb };

function existing(file: string): string | undefined {
  return existsSync(file) ? file : undefined;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
