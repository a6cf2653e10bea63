// test: limit 120 s
/** `node --import sandmesh/harness`: a program that `sandmesh run` did not start is brought in by itself. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually } from './mesh/members.ts';
import { CLI, type Workspace, withWorkspace } from './terminal/workspace.ts';

const HARNESS = path.resolve(path.dirname(CLI), 'harness-import.cjs');
const APP = `const { fork } = require('node:child_process');
const first = 1; // FIRST
if (process.argv[2] === 'parent') fork('./child.js');
console.log('first is ' + first);
process.stdin.on('data', () => process.exit(3));
`;

interface Program {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
}

/** Started on pipes, and killed at the end if it still runs. */
async function withProgram(
  workspace: Workspace,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  act: (program: Program) => Promise<void>,
): Promise<void> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd: workspace.folder, env: { ...workspace.env, ...env } });
  const ended = once(child, 'close');
  const program: Program = { child, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    program.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    program.stderr += text;
  });
  try {
    await act(program);
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
    await ended;
  }
}

interface TargetRow {
  readonly id: string;
  readonly pid: number;
  readonly name: string;
  readonly state: string;
}

function targets(workspace: Workspace): TargetRow[] {
  // none before the sandbox is open
  return (workspace.json('targets')['targets'] ?? []) as TargetRow[];
}

test('its first line is not too late, its children come with it, its streams and exit code are its own', () =>
  withWorkspace(async (workspace) => {
    workspace.program('app.js', APP);
    workspace.program('child.js', "process.on('disconnect', () => process.exit());\n");
    for (const command of [
      ['open', '--private'],
      ['break', 'add', 'app.js:2'],
    ]) {
      const { code, stderr } = workspace.cli(...command);
      assert.is(code, 0, stderr);
    }
    await withProgram(workspace, [process.execPath, '--import', HARNESS, 'app.js', 'parent'], {}, async (program) => {
      const stopped = await eventually('it to stop at its second line', () =>
        targets(workspace).find(({ state }) => state === 'paused'),
      );
      assert.is(stopped.pid, program.child.pid);
      assert.is(program.stdout, '');
      workspace.cli('resume');
      await eventually('its child to be a target', () => (targets(workspace).length === 2 ? true : undefined));
      await eventually('its own words', () => (program.stdout === 'first is 1\n' ? true : undefined));
      program.child.stdin?.write('end\n');
      await once(program.child, 'exit');
      assert.is(program.child.exitCode, 3);
      assert.match(program.stderr, /^trial is open/);
      assert.not.match(program.stderr, /Debugger|the debugger/);
    });
  }));

test('NODE_OPTIONS brings in what a package script starts, not npm itself', () =>
  withWorkspace(async (workspace) => {
    workspace.program('app.js', APP);
    writeFileSync(
      path.join(workspace.folder, 'package.json'),
      '{ "name": "trial", "scripts": { "start": "node app.js" } }\n',
    );
    const env = { NODE_OPTIONS: `--import ${HARNESS}` };
    await withProgram(workspace, ['npm', 'start'], env, async (program) => {
      await eventually('the program to be a target', () =>
        targets(workspace).some(({ state }) => state === 'running') ? true : undefined,
      );
      assert.is(targets(workspace).length, 1);
      await eventually('its words', () => (program.stdout.includes('first is 1') ? true : undefined));
      program.child.stdin?.write('end\n');
      await once(program.child, 'exit');
    });
  }));

test('where sandmesh cannot work it says why, and the program runs', () =>
  withWorkspace(async (workspace) => {
    workspace.program('app.js', APP);
    const env = { SANDMESH_HOME: '/dev/null/nowhere' };
    await withProgram(workspace, [process.execPath, '--import', HARNESS, 'app.js'], env, async (program) => {
      await eventually('its words', () => (program.stdout === 'first is 1\n' ? true : undefined));
      assert.match(program.stderr, /^sandmesh: .*\/dev\/null\/nowhere/);
      program.child.stdin?.write('end\n');
      await once(program.child, 'exit');
      assert.is(program.child.exitCode, 3);
    });
  }));

test.run();
