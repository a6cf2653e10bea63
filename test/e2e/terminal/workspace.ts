/** A home, a project folder and the bundled CLI, for tests with real processes. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Terminal } from './terminal.ts';

export const CLI = path.resolve(import.meta.dirname, '../../../.dist/cli.cjs');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Workspace {
  readonly folder: string;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a program and returns its name. */
  program(name: string, text: string): string;
  cli(...args: string[]): Outcome;
  /** What `--json` printed. */
  json(...args: string[]): Record<string, unknown>;
  /** On a pseudo-terminal. */
  terminal(...command: string[]): Terminal;
  daemonPid(): number;
}

/** Stops the daemon and removes everything at the end. */
export async function withWorkspace(body: (workspace: Workspace) => Promise<void>): Promise<void> {
  const base = mkdtempSync(path.join(tmpdir(), 'sm-'));
  const [home, folder] = [path.join(base, 'h'), path.join(base, 'p')];
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "trial" }\n');
  const { NODE_OPTIONS: _options, ...rest } = process.env;
  const env = { ...rest, SANDMESH_HOME: home, NO_COLOR: '1', TERM: 'xterm-256color' };
  const terminals: Terminal[] = [];
  const cli = (...args: string[]): Outcome => {
    const result = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, env, encoding: 'utf8' });
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  };
  const workspace: Workspace = {
    folder,
    home,
    env,
    cli,
    program(name, text) {
      writeFileSync(path.join(folder, name), text);
      return name;
    },
    json: (...args) => JSON.parse(cli(...args, '--json').stdout),
    terminal(...command) {
      const terminal = new Terminal(command, { cwd: folder, env });
      terminals.push(terminal);
      return terminal;
    },
    daemonPid: () => Number((workspace.json('status')['daemon'] as { pid: number }).pid),
  };
  try {
    await body(workspace);
  } finally {
    for (const terminal of terminals) terminal.close();
    cli('stop');
    rmSync(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stdout: string;
  stderr: string;
  send(text: string): void;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
}

/** Starts the CLI on pipes, no terminal anywhere. */
export function startOnPipes(workspace: Workspace, ...args: string[]): Started {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: workspace.folder, env: workspace.env, detached: true });
  const started: Started = {
    pid: child.pid ?? 0,
    stdout: '',
    stderr: '',
    ended: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
    send: (text) => void child.stdin.write(text),
    endInput: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    started.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    started.stderr += text;
  });
  return started;
}
