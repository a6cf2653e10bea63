// test: limit 120 s
// test: alone
/** `sandmesh watch` on a real terminal: a guest is let in, a stop is seen and stepped, the terminal is given back. */

import { get } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../client/fake-daemon.ts';
import { commandMissing, unless } from '../skip.ts';
import { CLI, startOnPipes, type Workspace, withWorkspace } from './terminal/workspace.ts';

const noPython = commandMissing('python3');
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?25h\u001b[?1049l';

const SERVER = `const http = require('http');
function total(items) {
  let sum = 0;
  for (const item of items) sum += item;
  return sum;
}
const server = http.createServer((request, response) => {
  response.end(String(total([1, 2, 3])));
});
server.listen(0, () => console.log('port ' + server.address().port));
`;

/** Runs the server on a terminal, and gives its port. */
async function host(workspace: Workspace) {
  const program = workspace.program('server.js', SERVER);
  const terminal = workspace.terminal(process.execPath, CLI, 'run', '--', process.execPath, program);
  await terminal.shows(/port \d+/);
  return { terminal, port: Number(/port (\d+)/.exec(terminal.shown)?.[1]) };
}

function fetchText(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1' }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

unless(
  test,
  noPython,
  'a joiner is announced at the program, let in from watch by a key, and is a member',
  async () => {
    await withWorkspace(async (workspace) => {
      const { terminal } = await host(workspace);
      const watch = workspace.terminal(process.execPath, CLI, 'watch');
      await watch.shows('running');
      const link = workspace.cli('open', '-q').stdout.trim();
      await withWorkspace(async (guest) => {
        const join = startOnPipes(guest, 'join', '-', '--name', 'bob');
        join.send(`${link}\n`);
        await terminal.shows(/sandmesh: bob \([0-9a-f ]+\) wants to join as debugger/);
        await watch.shows('at stake:');
        // A key pressed the very moment a request appears does not answer it: press until it does.
        await until(() => {
          watch.type('a');
          return /You are in trial as debugger/.test(join.stdout);
        }, 20_000);
        assert.equal(await join.ended, { code: 0, signal: null });
        assert.match(guest.cli('members').stdout, /bob \(you\)/);
      });
      watch.type('q');
      assert.equal(await watch.ended, { code: 0, signal: null });
      terminal.type('\u0003');
      await terminal.ended;
    });
  },
);

unless(
  test,
  noPython,
  'a stop shows with its source, steps by a key and runs on by another; q gives the terminal back',
  async () => {
    await withWorkspace(async (workspace) => {
      const { terminal, port } = await host(workspace);
      assert.match(workspace.cli('break', 'add', 'server.js:5').stdout, 'armed');
      const watch = workspace.terminal(process.execPath, CLI, 'watch');
      await watch.shows('running');
      const answer = fetchText(port);
      await watch.shows(/paused at a breakpoint .*server\.js:5/);
      await watch.shows('  return sum;');
      watch.type('o');
      await watch.shows(/paused after a step/);
      watch.type('c');
      assert.is(await answer, '6');
      watch.type('q');
      assert.equal(await watch.ended, { code: 0, signal: null });
      assert.ok(watch.shown.startsWith(ENTER));
      assert.ok(watch.shown.endsWith(LEAVE));
      terminal.type('\u0003');
      await terminal.ended;
    });
  },
);

unless(test, noPython, 'Ctrl-C, the end of the daemon and its return leave the terminal sound', async () => {
  await withWorkspace(async (workspace) => {
    const { terminal } = await host(workspace);
    const watch = workspace.terminal(process.execPath, CLI, 'watch');
    await watch.shows('running');
    process.kill(workspace.daemonPid(), 'SIGKILL');
    await watch.shows('the daemon is away');
    const before = watch.shown.length;
    await until(() => /running/.test(watch.shown.slice(before)), 15_000);
    watch.type('\u0003');
    assert.equal(await watch.ended, { code: 0, signal: null });
    assert.ok(watch.shown.endsWith(LEAVE));
    terminal.type('\u0003');
    await terminal.ended;
  });
});

test.run();
