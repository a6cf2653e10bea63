/** A daemon's attachment layer in a temp folder, and real programs run under it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AttachedProcess } from '#node/targets/attached-process.ts';
import { Attachment } from '#node/targets/attachment.ts';
import type { LaunchOptions } from '#node/targets/launch.ts';
import { within } from '../../until.ts';
import { buildHarness } from './built-harness.ts';

export { until, within } from '../../until.ts';

/** The Node that runs the programs under test: another version's binary may be given. */
export const NODE = process.env['SANDMESH_TEST_NODE'] ?? process.execPath;

let distDir: string | undefined;

export interface Program {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly launch?: Partial<LaunchOptions>;
  /** Run without sandmesh, to compare. */
  readonly bare?: boolean;
  /** Run as another user; only root may. */
  readonly uid?: number;
}

export interface Bench {
  readonly folder: string;
  readonly socketPath: string;
  attachment: Attachment;
  /** Writes files into the folder; names may hold slashes. */
  write(files: Record<string, string>): void;
  /** Starts a command line under the harness, in the folder. */
  run(argv: readonly string[], options?: RunOptions): Program;
  /** Stops the attachment layer, as the daemon's death does, and starts it anew. */
  restart(): Promise<void>;
}

export async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  distDir ??= buildHarness();
  const folder = mkdtempSync(path.join(tmpdir(), 'sandmesh targets-'));
  const socketPath = path.join(folder, 'run', 'targets.sock');
  const options = { distDir, socketPath, launchKeyFile: path.join(folder, 'run', 'launch.key') };
  const programs: Program[] = [];
  const bench: Bench = {
    folder,
    socketPath,
    attachment: new Attachment(options),
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), text);
      }
    },
    run(argv, runOptions = {}) {
      const program = start(bench, argv, runOptions);
      programs.push(program);
      return program;
    },
    async restart() {
      await bench.attachment.stop();
      bench.attachment = new Attachment(options);
      await bench.attachment.start();
    },
  };
  try {
    await bench.attachment.start();
    await work(bench);
  } finally {
    for (const { child } of programs) if (child.exitCode === null && child.signalCode === null) killGroup(child);
    await Promise.all(programs.map(({ exit }) => exit));
    await bench.attachment.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ended by itself in between
  }
}

function start(
  bench: Bench,
  argv: readonly string[],
  { env = {}, input, launch = {}, bare = false, uid }: RunOptions,
): Program {
  const [file = '', ...args] = argv;
  const nodeOptions = env['NODE_OPTIONS'];
  const prepared = bench.attachment.launch({
    argv,
    folder: bench.folder,
    ...(nodeOptions === undefined ? {} : { nodeOptions }),
    ...launch,
  });
  const child = spawn(file, args, {
    cwd: bench.folder,
    env: { ...process.env, ...env, ...(bare ? {} : prepared.env) },
    stdio: 'pipe',
    ...(uid === undefined ? {} : { uid, cwd: '/' }),
    // its own group, so that a failed test leaves no grandchildren
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  // a program that ends without reading its input
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, exit };
}

/** The next process to come in. Ask before starting it. */
export function nextAttached(bench: Bench): Promise<AttachedProcess> {
  return within(bench.attachment.events.next('attached'), 'a process attached');
}

/** Releases whatever comes in, at once, until the returned function is called. */
export function releaseAll(bench: Bench, seen: AttachedProcess[] = []): () => void {
  return bench.attachment.events.on('attached', (process) => {
    seen.push(process);
    void process.release();
  });
}

/** Arms a breakpoint while the process is held, releases it, and gives the 1-based line where it stopped. */
export async function firstStop(process: AttachedProcess, urlRegex: string, line = 1): Promise<number> {
  const { cdp } = process;
  const stopped = new Promise<number>((resolve) => {
    const off = cdp.on('Debugger.paused', (event) => {
      off();
      resolve((event.callFrames[0]?.location.lineNumber ?? -1) + 1);
    });
  });
  await cdp.send('Runtime.enable');
  await cdp.send('Debugger.enable');
  await cdp.send('Debugger.setBreakpointByUrl', { urlRegex, lineNumber: line - 1 });
  await process.release();
  return within(stopped, `a stop in ${urlRegex}:${line}`);
}
