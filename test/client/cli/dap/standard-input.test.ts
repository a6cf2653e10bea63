/** Standard input as a process of its own has it: a pipe, a file, nothing. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '#test/until.ts';

const root = path.resolve(import.meta.dirname, '../../../..');

/** Says how much came, and at the end all of it. @param extra run with every chunk */
const reader = (extra = ''): string => `
  import { standardInput } from '#client/cli/dap/standard-input.ts';
  const chunks = [];
  const input = standardInput();
  input.on('data', (chunk) => {
    chunks.push(chunk);
    process.stderr.write(chunk.length + ' ');
    ${extra}
  });
  input.once('end', () => process.stdout.write(Buffer.concat(chunks)));
`;

interface Reading {
  readonly child: ChildProcess;
  /** Lengths of what came so far. */
  readonly lengths: () => string;
  /** @returns what it printed when it is through */
  readonly all: () => Promise<string>;
}

function read(stdin: 'pipe' | 'ignore' | number, script = reader()): Reading {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { cwd: root, stdio: [stdin, 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  const code = new Promise((resolve) => child.once('close', resolve));
  const all = async (): Promise<string> => {
    assert.is(await code, 0, printed.stderr);
    return printed.stdout;
  };
  return { child, lengths: () => printed.stderr, all };
}

test('what is read of a pipe stays as it is while more is read', async () => {
  const { child, lengths, all } = read('pipe');
  child.stdin?.write('first');
  await until(() => lengths() === '5 ', 'the first');
  child.stdin?.write('SECOND');
  await until(() => lengths() === '5 6 ', 'the second');
  child.stdin?.end();
  assert.is(await all(), 'firstSECOND');
});

test('nothing comes while it is paused, and nothing is lost', async () => {
  const pausing = `
    if (input.isPaused()) throw new Error('It reads');
    input.pause();
    let turns = 0;
    const turn = () => (++turns < 20 ? setImmediate(turn) : input.resume());
    turn();
  `;
  const { child, all } = read('pipe', reader(pausing));
  const text = 'all of it '.repeat(50_000);
  child.stdin?.end(text);
  assert.is(await all(), text);
});

test('a file is read as well; what has no input ends', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sm-'));
  try {
    writeFileSync(path.join(folder, 'input'), 'of a file');
    assert.is(await read(openSync(path.join(folder, 'input'), 'r')).all(), 'of a file');
    assert.is(await read('ignore').all(), '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
