/**
 * The test runner. uvu alone can pass without testing, so each file runs in its own process and is judged from outside
 * (runner/verdict.ts says how).
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { commandLine } from './command-line.ts';
import { type FileMarks, type FileResult, readMarks, runFile } from './runner/run-file.ts';

const USAGE = `Usage: npm test [-- [options] [part of a path...]]
Files under test/e2e and those marked "// test: full" run with --full, or when named.
  --full       with those
  --only-full  those alone
  --no-build   test what is built
  --jobs N     files at once (default 2)`;

const root = path.dirname(import.meta.dirname);
const inCi = process.env['CI'] === 'true';

interface Job extends FileMarks {
  readonly file: string;
}

/** Posix path from the project root. */
function relative(file: string): string {
  return path.relative(root, file).split(path.sep).join('/');
}

/** All test files but the planted bad ones and those of the programs under test, sorted. */
function discover(): string[] {
  return readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(root, 'test', name))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => !/\/(fixtures|node_modules|apps)\//.test(relative(file)))
    .sort();
}

type Part = 'quick' | 'full' | 'only-full';

async function select(filters: readonly string[], part: Part): Promise<Job[]> {
  const jobs = await Promise.all(discover().map(async (file) => ({ file, ...(await readMarks(file)) })));
  if (filters.length > 0) {
    const wanted = filters.map((filter) => filter.replace(/^\.\//, ''));
    return jobs.filter(({ file }) => wanted.some((filter) => relative(file).includes(filter)));
  }
  const slow = (job: Job): boolean => job.full || relative(job.file).startsWith('test/e2e/');
  return jobs.filter((job) => part === 'full' || slow(job) === (part === 'only-full'));
}

function report(result: FileResult): void {
  const { passed, failed, skips } = result;
  const parts = [`${passed} passed`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (skips.length > 0) parts.push(`${skips.length} skipped`);
  const took = `${(result.durationMs / 1000).toFixed(1)} s`;
  process.stdout.write(`${failed > 0 ? 'FAIL' : 'ok  '} ${relative(result.file)}  ${parts.join(', ')}  (${took})\n`);
  for (const skip of skips) process.stdout.write(`     skipped: ${skip}\n`);
  if (failed === 0) return;
  for (const problem of result.problems) process.stdout.write(`     ${problem}\n`);
  process.stdout.write(result.output.replace(/^/gm, '     | ').trimEnd());
  process.stdout.write('\n');
}

async function runAll(jobs: readonly Job[], width: number, signal: AbortSignal): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const work = async (queue: Job[]): Promise<void> => {
    for (let job = queue.shift(); job !== undefined && !signal.aborted; job = queue.shift()) {
      const { file, timeLimitMs } = job;
      const result = await runFile(file, { root, timeLimitMs, skipsFail: inCi, signal });
      results.push(result);
      report(result);
    }
  };
  const together = jobs.filter((job) => !job.alone);
  await Promise.all(Array.from({ length: width }, () => work(together)));
  await work(jobs.filter((job) => job.alone));
  return results;
}

/** The CLI and the daemon under test are the bundled ones. */
function buildOnce(): boolean {
  const built = spawnSync(process.execPath, ['--import', 'tsx', path.join(root, 'build.ts')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return built.status === 0;
}

async function main(): Promise<number> {
  const { values, positionals } = commandLine(USAGE, {
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      'only-full': { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      jobs: { type: 'string', default: '2' },
    },
  });
  const jobs = await select(positionals, values['only-full'] ? 'only-full' : values.full ? 'full' : 'quick');
  if (jobs.length === 0) {
    process.stderr.write(`Cannot run the tests: no test file matches "${positionals.join(' ')}"\n`);
    return 1;
  }
  if (!values['no-build'] && !buildOnce()) {
    process.stderr.write('Cannot run the tests: the build failed\n');
    return 1;
  }
  process.stderr.write(`${jobs.length} files on Node ${process.versions.node}\n`);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const results = await runAll(jobs, Math.max(1, Number(values.jobs)), stop.signal);
  const sum = (pick: (result: FileResult) => number): number => results.reduce((all, one) => all + pick(one), 0);
  const failed = sum((result) => result.failed) + (stop.signal.aborted ? 1 : 0);
  const failing = results.filter((result) => result.failed > 0).map((result) => relative(result.file));
  if (failing.length > 0) process.stdout.write(`\nfailed in: ${failing.join(' ')}\n`);
  process.stdout.write(`\n${sum((r) => r.passed)} passed, ${failed} failed, ${sum((r) => r.skips.length)} skipped\n`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
