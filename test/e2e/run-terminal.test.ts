// test: limit 180 s
/** Under `sandmesh run` a program finds its terminal, signals, stdin and exit code as without it. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../client/fake-daemon.ts';
import { commandMissing, unless } from '../skip.ts';
import { COLUMNS, type End, ROWS, type Terminal } from './terminal/terminal.ts';
import { CLI, startOnPipes, type Workspace, withWorkspace } from './terminal/workspace.ts';

const noPython = commandMissing('python3');
const CTRL_C = '\u0003';

/** Runs the program bare and under sandmesh, both on a terminal, and hands over both. */
async function both(
  workspace: Workspace,
  program: string,
  drive: (terminal: Terminal) => Promise<void>,
): Promise<{ bare: End; ours: End; bareShown: string; oursShown: string }> {
  const bare = workspace.terminal(process.execPath, program);
  await drive(bare);
  const bareEnd = await bare.ended;
  const ours = workspace.terminal(process.execPath, CLI, 'run', '--private', '--', process.execPath, program);
  await drive(ours);
  return { bare: bareEnd, ours: await ours.ended, bareShown: bare.shown, oursShown: ours.shown };
}

unless(test, noPython, 'the program has the terminal, its size and its folder', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program(
      'tty.js',
      `const { stdin, stdout, stderr } = process;
       console.log(JSON.stringify([stdin.isTTY, stdout.isTTY, stderr.isTTY, stdout.columns, stdout.rows, process.cwd()]));
       process.exit(5);`,
    );
    const expected = JSON.stringify([true, true, true, COLUMNS, ROWS, workspace.folder]);
    const { bare, ours, oursShown } = await both(workspace, program, (terminal) => terminal.shows(expected));
    assert.equal(ours, bare);
    assert.is(ours.code, 5);
    assert.not.match(oursShown, /debugger/i);
  });
});

unless(
  test,
  noPython,
  'Ctrl-C reaches a program that handles it exactly once, and its exit code is passed on',
  async () => {
    await withWorkspace(async (workspace) => {
      const program = workspace.program(
        'sigint.js',
        `let count = 0;
       process.on('SIGINT', () => {
         count++;
         if (count === 1) setTimeout(() => { console.log('interrupts: ' + count); process.exit(7); }, 300);
       });
       setInterval(() => undefined, 1000);
       console.log('ready');`,
      );
      const drive = async (terminal: Terminal): Promise<void> => {
        await terminal.shows('ready');
        terminal.type(CTRL_C);
        await terminal.shows('interrupts: 1');
      };
      const { bare, ours } = await both(workspace, program, drive);
      assert.equal([bare.code, ours.code], [7, 7]);
    });
  },
);

unless(test, noPython, 'Ctrl-C ends a program that does not handle it, and the shell sees the signal', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program('idle.js', "setInterval(() => undefined, 1000); console.log('ready');");
    const drive = async (terminal: Terminal): Promise<void> => {
      await terminal.shows('ready');
      terminal.type(CTRL_C);
    };
    const { bare, ours } = await both(workspace, program, drive);
    assert.equal(bare, { code: null, signal: 2 });
    assert.equal(ours, bare);
  });
});

unless(test, noPython, 'a program in raw mode gets every key itself, Ctrl-C included', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program(
      'raw.js',
      `process.stdin.setRawMode(true);
       const keys = [];
       process.stdin.on('data', (data) => {
         keys.push(...data);
         if (keys.length === 3) { console.log('keys ' + keys); process.exit(0); }
       });
       console.log('ready');`,
    );
    const drive = async (terminal: Terminal): Promise<void> => {
      await terminal.shows('ready');
      terminal.type(`${CTRL_C}x\r`);
      await terminal.shows('keys 3,120,13');
    };
    const { bare, ours } = await both(workspace, program, drive);
    assert.equal(ours, bare);
    assert.is(ours.code, 0);
  });
});

unless(test, noPython, 'lines typed reach the program, and the end of input too', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program(
      'lines.js',
      `let text = '';
       process.stdin.on('data', (data) => { text += data; console.log('got ' + text.trim()); });
       process.stdin.on('end', () => process.exit(text.length));
       console.log('ready');`,
    );
    const drive = async (terminal: Terminal): Promise<void> => {
      await terminal.shows('ready');
      terminal.type('hello\r');
      await terminal.shows('got hello');
      terminal.type('\u0004');
    };
    const { bare, ours } = await both(workspace, program, drive);
    assert.equal([bare.code, ours.code], [6, 6]);
  });
});

test('without a terminal, stdin and stdout are the program’s alone, and signals to us are passed on', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program(
      'pipe.js',
      `process.on('SIGTERM', () => { console.log('term'); process.exit(9); });
       process.on('SIGINT', () => console.log('int'));
       process.stdin.pipe(process.stdout);
       setInterval(() => undefined, 1000);`,
    );
    const run = startOnPipes(workspace, 'run', '--', process.execPath, program);
    run.send('ping\n');
    await until(() => run.stdout === 'ping\n', 15_000);
    run.kill('SIGINT');
    await until(() => run.stdout === 'ping\nint\n');
    run.kill('SIGTERM');
    assert.equal(await run.ended, { code: 9, signal: null });
    assert.is(run.stdout, 'ping\nint\nterm\n');
    assert.match(run.stderr, 'sandmesh:#');
  });
});

test('a program that ends by a signal ends the command by the same signal', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program('die.js', "process.kill(process.pid, 'SIGKILL');");
    const run = startOnPipes(workspace, 'run', '--private', '--', process.execPath, program);
    assert.equal(await run.ended, { code: null, signal: 'SIGKILL' });
  });
});

test('a command that does not exist gives 127, as in a shell, and says so', async () => {
  await withWorkspace(async (workspace) => {
    const { code, stderr } = workspace.cli('run', '--private', '--', 'no-such-command-here');
    assert.is(code, 127);
    assert.match(stderr, 'Cannot run "no-such-command-here"');
  });
});

test('-q says only the link, and only on stderr', async () => {
  await withWorkspace(async (workspace) => {
    const { stdout, stderr, code } = workspace.cli('run', '-q', '--', process.execPath, '-e', 'console.log(1)');
    assert.equal([stdout, code], ['1\n', 0]);
    assert.match(stderr, /^sandmesh:#\S+\n$/);
  });
});

test('what a program said is there when it has ended, and who wants to see where it stands is told so', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program('once.js', "console.log('first and last');");
    assert.is(workspace.cli('run', '--private', '--', process.execPath, program).code, 0);
    assert.equal(workspace.cli('log').stdout, 'first and last\n');
    const { code, stderr } = workspace.cli('stack');
    assert.is(code, 5);
    assert.match(stderr, 'sandmesh log');
  });
});

test('the program outlives its daemon, which is started again, and is a target of the new one', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program('long.js', "setInterval(() => undefined, 1000); console.log('ready');");
    const run = startOnPipes(workspace, 'run', '--share', '--', process.execPath, program);
    await until(() => run.stdout.includes('ready'), 15_000);
    const first = workspace.daemonPid();
    workspace.cli('share', '--reach', 'loopback');
    process.kill(first, 'SIGKILL');
    const targets = () => workspace.json('targets')['targets'] as { state: string }[] | undefined;
    await until(() => (targets() ?? []).some((target) => target.state === 'running'), 15_000);
    assert.is.not(workspace.daemonPid(), first);
    await until(() => run.stderr.includes('the daemon went away; it is back'), 15_000);
    const [sandbox] = workspace.json('status')['sandboxes'] as { reach: string }[];
    assert.is(sandbox?.reach, 'loopback', 'what was shared at the start and taken back since stays so');
    run.kill('SIGTERM');
    assert.equal(await run.ended, { code: null, signal: 'SIGTERM' });
  });
});

test('"sandmesh stop" is not undone by a program that runs on', async () => {
  await withWorkspace(async (workspace) => {
    const program = workspace.program('long.js', "setInterval(() => undefined, 1000); console.log('ready');");
    const run = startOnPipes(workspace, 'run', '--', process.execPath, program);
    await until(() => run.stdout.includes('ready'), 15_000);
    assert.is(workspace.cli('stop').code, 0);
    // Longer than the reconnection takes at its slowest.
    const until3s = Date.now() + 3_000;
    await until(() => Date.now() > until3s);
    assert.is(workspace.cli('status').code, 3);
    // Whoever starts the next one finds the program again.
    workspace.cli('open');
    const targets = () => workspace.json('targets')['targets'] as { state: string }[];
    await until(() => targets().some((target) => target.state === 'running'), 15_000);
    run.kill('SIGTERM');
    assert.equal(await run.ended, { code: null, signal: 'SIGTERM' });
  });
});

test('two commands at once on a home without a daemon start one daemon between them', async () => {
  await withWorkspace(async (workspace) => {
    const commands = [1, 2, 3].map(() => startOnPipes(workspace, 'open', '-q'));
    for (const command of commands) {
      assert.equal(await command.ended, { code: 0, signal: null }, command.stderr);
      assert.match(command.stdout, /^sandmesh:#\S+\n$/);
    }
  });
});

test.run();
