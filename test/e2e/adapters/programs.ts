/** The same small program in three languages, each with the debugger of its own. It adds up an order per line of its stdin. */

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { commandMissing, executable } from '#test/skip.ts';

export interface Language {
  readonly adapter: string;
  readonly file: string;
  /** Where `total` is about to be made of `each` and the order. */
  readonly line: number;
  /** As its debugger calls the function. */
  readonly add: string;
  /** As it calls what the program begins in. */
  readonly main: string;
  /** The value of a number, as its debugger shows it. */
  readonly nothing: string;
  /** A condition, and what is typed, in the language. */
  readonly product: string;
  readonly condition: string;
  /** Whether its output is heard by the adapter too, since it has the terminal. */
  readonly hearsOutput: boolean;
  /** Makes it ready in a folder. @returns the command line */
  make(folder: string): string[];
}

const APPS = path.resolve(import.meta.dirname, '../../apps/languages');

function copied(folder: string, file: string): string {
  copyFileSync(path.join(APPS, file), path.join(folder, file));
  return file;
}

/** The system's own has Debian's debugpy, whatever other Python is first on the PATH. */
const python = ['/usr/bin/python3', 'python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import debugpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // another one may have it
  }
});

export const PYTHON: Language = {
  adapter: 'debugpy',
  file: 'orders.py',
  line: 19,
  add: 'add',
  main: '<module>',
  nothing: '0',
  product: 'each * order.times',
  condition: 'order.times == 4 and isinstance(order, Order)',
  hearsOutput: true,
  make: (folder) => [python ?? 'python3', copied(folder, 'orders.py')],
};

const GO: Language = {
  adapter: 'delve',
  file: 'orders.go',
  line: 22,
  add: 'main.add',
  main: 'main.main',
  nothing: '0',
  product: 'each * order.Times',
  condition: 'order.Times == 4 && order.Item == "tea"',
  hearsOutput: false,
  make: (folder) => [copied(folder, 'orders.go')],
};

const C: Language = {
  adapter: 'lldb',
  file: 'orders.c',
  line: 15,
  add: 'add',
  main: 'main',
  nothing: '0',
  product: 'each * order->times',
  condition: 'order->times == 4',
  hearsOutput: false,
  make: (folder) => {
    copied(folder, 'orders.c');
    execFileSync('gcc', ['-g', '-O0', '-o', 'orders', 'orders.c'], { cwd: folder });
    return ['./orders'];
  },
};

export const NO_DEBUGPY = python === undefined ? 'no Python with debugpy is installed' : undefined;
const lldb = [19, 18, 17, 16, 15, 14].flatMap((n) => [`lldb-dap-${n}`, `lldb-vscode-${n}`]);
const NO_LLDB = ['lldb-dap', 'lldb-vscode', ...lldb].some((name) => executable(name) !== undefined)
  ? undefined
  : "lldb's debug adapter is not installed";

export const LANGUAGES: readonly (readonly [Language, string | undefined])[] = [
  [PYTHON, NO_DEBUGPY],
  [GO, commandMissing('dlv') ?? commandMissing('go')],
  [C, NO_LLDB ?? commandMissing('gcc')],
];
