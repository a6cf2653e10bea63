/** The runner judged on planted bad files: each of them would pass, or hang, under uvu alone. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FileResult, readMarks, runFile } from './runner/run-file.ts';
import { judge } from './runner/verdict.ts';

const root = path.dirname(import.meta.dirname);

function run(name: string, options: { skipsFail?: boolean; timeLimitMs?: number } = {}): Promise<FileResult> {
  return runFile(path.join(import.meta.dirname, 'runner/fixtures', `${name}.test.ts`), {
    root,
    timeLimitMs: options.timeLimitMs ?? 20_000,
    endGraceMs: 400,
    leftoverGraceMs: 400,
    skipsFail: options.skipsFail ?? false,
  });
}

async function problemOf(name: string, options?: { timeLimitMs?: number }): Promise<string> {
  const result = await run(name, options);
  assert.ok(result.failed >= 1, `${name} must count as failed`);
  return result.problems.join(' ');
}

/** Ended, be it not yet collected by its parent (a zombie). */
function isGone(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return !existsSync(file) || / Z /.test(readFileSync(file, 'utf8'));
}

test('a clean file passes and its tests are counted', async () => {
  const { passed, failed, problems } = await run('passes');
  assert.equal({ passed, failed, problems }, { passed: 1, failed: 0, problems: [] });
});

test('a failed test is counted as one, and its output is kept', async () => {
  const { passed, failed, output } = await run('fails');
  assert.equal({ passed, failed }, { passed: 1, failed: 1 });
  assert.match(output, 'planted');
});

test('a throwing before() fails although uvu exits with 0', async () => {
  const { passed, failed } = await run('throwing-before');
  assert.equal({ passed, failed }, { passed: 0, failed: 1 });
});

test('a forgotten run() fails', async () => assert.match(await problemOf('forgotten-run'), 'no totals'));

test('a stray .only fails', async () => assert.match(await problemOf('stray-only'), '.only'));

test('a skip without a reason fails', async () => assert.match(await problemOf('bare-skip'), '.skip'));

test('a file without a test fails', async () => assert.match(await problemOf('empty'), 'no test'));

test('a hanging test is ended at the time limit', async () => {
  assert.match(await problemOf('hangs', { timeLimitMs: 1_500 }), 'longer than 1.5 s');
});

test('a promise that can never settle fails', async () => assert.match(await problemOf('dries-up'), 'no totals'));

test('process.exit(0) within a test fails', async () => assert.match(await problemOf('exits-early'), 'no totals'));

test('a rejection after the last test fails', async () => {
  assert.match(await problemOf('late-failure'), 'exited with 1 although no test failed');
});

test('an open handle fails, and the output names it', async () => {
  const result = await run('open-handle');
  assert.match(result.problems.join(' '), 'something is still open');
  assert.match(result.output, /still open: .*TCPServerWrap/);
});

for (const name of ['leftover-child', 'leftover-daemon']) {
  test(`a process left behind fails and is ended: ${name}`, async () => {
    const problem = await problemOf(name);
    const pid = /left a process behind: (\d+) sleep 60/.exec(problem)?.[1];
    assert.ok(pid, problem);
    assert.ok(isGone(Number(pid)));
  });
}

test('a skip is counted with its reason, and is a failure in CI', async () => {
  const local = await run('skips');
  assert.equal([local.passed, local.failed, local.skips], [1, 0, ['needs the moon: no moon tonight']]);
  const ci = await run('skips', { skipsFail: true });
  assert.is(ci.failed, 1);
});

test('a file runs in a temporary folder and home of its own, which are gone afterwards', async () => {
  process.env['NODE_OPTIONS'] = '--no-warnings';
  const { output } = await run('surroundings');
  delete process.env['NODE_OPTIONS'];
  const line = output.split('\n').find((text) => text.startsWith('{')) ?? '{}';
  const seen: { tmp: string; home: string; options: string | null } = JSON.parse(line);
  assert.is(seen.home, path.join(seen.tmp, 'home'));
  assert.is(seen.options, null);
  assert.not(existsSync(seen.tmp));
});

test('totals printed in colour are read, and the last ones count', () => {
  const totals = (total: number, passed: number): string =>
    `\n  Total:     ${total}\n\u001b[32m  Passed:    ${passed}\u001b[39m\n  Skipped:   0\n  Duration:  1ms\n`;
  const end = { exitCode: 0, signal: null, stdout: totals(9, 9) + totals(2, 1), problems: [] };
  assert.equal(judge(end, { skipsFail: false }).failed, 1);
});

test('a file’s marks are read from comment lines', async () => {
  const marks = await readMarks(path.join(import.meta.dirname, 'runner/fixtures/marked.test.ts'));
  assert.equal(marks, { full: true, alone: true, timeLimitMs: 180_000 });
});

test('the command line ends with the counts and exits with 1 on failure', () => {
  const command = (...args: string[]): { status: number | null; lastLine: string } => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', path.join(root, 'test/run.ts'), '--no-build', ...args],
      { encoding: 'utf8', cwd: root },
    );
    return { status, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' };
  };
  assert.equal(command('test/shared/emitter'), { status: 0, lastLine: '7 passed, 0 failed, 0 skipped' });
  assert.is(command('no-such-file').status, 1);
});

test.run();
