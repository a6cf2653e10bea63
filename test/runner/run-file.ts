/**
 * Runs one test file in a process of its own, with a time limit, an own temporary folder and an own SANDMESH_HOME, and
 * leaves nothing of it behind.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FOLDER, MARK } from './environment.ts';
import { endLeftovers } from './leftovers.ts';
import { judge, parseTotals, type Verdict } from './verdict.ts';

export const DEFAULT_TIME_LIMIT_MS = 60_000;
/** From the totals to the end of the process: a clean file ends by itself at once. */
const END_GRACE_MS = 5_000;
const LEFTOVER_GRACE_MS = 2_000;
/** More output than this is cut in the middle. */
const MAX_OUTPUT_CHARS = 200_000;

export interface FileResult extends Verdict {
  readonly file: string;
  readonly durationMs: number;
  /** Standard output and error as they came. */
  readonly output: string;
}

/** What a file says about itself: comment lines `// test: full`, `// test: alone`, `// test: limit 120 s`. */
export interface FileMarks {
  /** Runs with `npm run test:full` only. */
  readonly full: boolean;
  /** Runs while no other file does: for figures that a busy machine would spoil. */
  readonly alone: boolean;
  readonly timeLimitMs: number;
}

export async function readMarks(file: string): Promise<FileMarks> {
  const text = await readFile(file, 'utf8');
  const limit = /^\/\/ test: limit (\d+) s$/m.exec(text)?.[1];
  return {
    full: /^\/\/ test: full$/m.test(text),
    alone: /^\/\/ test: alone$/m.test(text),
    timeLimitMs: limit === undefined ? DEFAULT_TIME_LIMIT_MS : Number(limit) * 1000,
  };
}

export interface RunFileOptions {
  readonly root: string;
  readonly timeLimitMs?: number;
  readonly endGraceMs?: number;
  readonly leftoverGraceMs?: number;
  /** In CI nothing is skipped. */
  readonly skipsFail: boolean;
  readonly signal?: AbortSignal;
}

/** @param file absolute path of a `.test.ts` file */
export async function runFile(file: string, options: RunFileOptions): Promise<FileResult> {
  const mark = randomBytes(8).toString('hex');
  // short, because Unix socket paths end at 107 bytes
  const folder = await mkdtemp(path.join(os.tmpdir(), 'smt-'));
  const started = performance.now();
  const child = start(file, { root: options.root, folder, mark });
  const output = collect(child);
  const problems: string[] = [];
  const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('error', (error) => {
      problems.push(`It could not be started: ${error.message}.`);
      resolve({ exitCode: null, signal: null });
    });
  });
  // output may still be on its way when the process is gone
  const closed = new Promise((resolve) => child.once('close', resolve));
  const watch = new AbortController();
  const watching = watchOver(child, output, problems, { ...options, stop: watch.signal });
  const { exitCode, signal } = await ended;
  watch.abort();
  await watching;
  for (const leftover of await endLeftovers(mark, options.leftoverGraceMs ?? LEFTOVER_GRACE_MS)) {
    problems.push(`It left a process behind: ${leftover.pid} ${leftover.command}.`);
  }
  await Promise.race([closed, delay(1_000, undefined, { ref: false })]);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  const verdict = judge({ exitCode, signal, stdout: output.stdout(), problems }, options);
  return { ...verdict, file, durationMs: performance.now() - started, output: output.all() };
}

function start(file: string, context: { root: string; folder: string; mark: string }): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...process.env };
  // a test must not depend on how the runner itself was started
  delete env['NODE_OPTIONS'];
  delete env['FORCE_COLOR'];
  return spawn(
    process.execPath,
    ['--import', 'tsx', '--import', path.join(context.root, 'test/runner/preload.ts'), file],
    {
      cwd: context.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // a process group of its own, so that all of it can be ended
      detached: true,
      env: {
        ...env,
        [MARK]: context.mark,
        [FOLDER]: context.folder,
        SANDMESH_HOME: path.join(context.folder, 'home'),
        NO_COLOR: '1',
      },
    },
  );
}

interface Output {
  stdout(): string;
  all(): string;
}

function collect(child: ChildProcess): Output {
  let stdout = '';
  let all = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = bounded(stdout + text);
    all = bounded(all + text);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    all = bounded(all + text);
  });
  return { stdout: () => stdout, all: () => all };
}

function bounded(text: string): string {
  if (text.length <= MAX_OUTPUT_CHARS * 2) return text;
  return `${text.slice(0, MAX_OUTPUT_CHARS / 2)}\n… cut …\n${text.slice(-MAX_OUTPUT_CHARS / 2)}`;
}

/** Ends the file's process group when it takes too long, does not end after its totals, or the runner is stopped. */
async function watchOver(
  child: ChildProcess,
  output: Output,
  problems: string[],
  options: RunFileOptions & { stop: AbortSignal },
): Promise<void> {
  const timeLimitMs = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
  const endGraceMs = options.endGraceMs ?? END_GRACE_MS;
  const deadline = performance.now() + timeLimitMs;
  let totalsSeen: number | undefined;
  while (!options.stop.aborted) {
    if (options.signal?.aborted) {
      problems.push('The run was stopped.');
      return killGroup(child);
    }
    if (performance.now() > deadline) {
      problems.push(`It ran longer than ${timeLimitMs / 1000} s.`);
      return describeAndKill(child);
    }
    if (totalsSeen === undefined && parseTotals(output.stdout()) !== undefined) totalsSeen = performance.now();
    if (totalsSeen !== undefined && performance.now() > totalsSeen + endGraceMs) {
      problems.push(`It did not end within ${endGraceMs / 1000} s of its last test: something is still open.`);
      return describeAndKill(child);
    }
    // resolves early when the process ends: an aborted delay rejects, which is its only way to say so
    await delay(50, undefined, { signal: options.stop }).catch(() => undefined);
  }
}

async function describeAndKill(child: ChildProcess): Promise<void> {
  child.kill('SIGUSR2');
  await delay(200);
  killGroup(child);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // the group is gone already
  }
}
