/** Starting a daemon: what stands in its place here are small scripts that fail, dawdle or hold the lock. */

import { existsSync, mkdirSync, mkdtempSync, promises, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureDaemon } from '#client/cli/daemon-connection.ts';
import { failureIn } from '#client/cli/daemon-log.ts';
import { ExitCode, exitCodeOf } from '#client/cli/exit-codes.ts';
import { type HomePaths, homePaths } from '#protocol/home-paths.ts';
import { SandboxError } from '#shared/errors.ts';
import { isAlive } from '#test/is-alive.ts';
import { until } from '../fake-daemon.ts';

interface Trial {
  readonly paths: HomePaths;
  readonly folder: string;
  /** Starts a daemon whose whole code is `script`. */
  start(
    script: string,
    env?: Record<string, string>,
    settings?: readonly string[],
    signal?: AbortSignal,
  ): Promise<void>;
  /** Those that were started and live. */
  living(): number[];
  failure(script: string): Promise<SandboxError>;
}

/** Every daemon started here writes its pid into `pids` and is ended by it. */
async function withTrial(body: (trial: Trial) => Promise<void>): Promise<void> {
  const folder = mkdtempSync('/tmp/sm-');
  const pids = path.join(folder, 'pids');
  const paths = homePaths({
    env: { SANDMESH_HOME: path.join(folder, 'h') },
    platform: process.platform,
    homedir: homedir(),
  });
  const started = (): number[] => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').map(Number) : []);
  const living = (): number[] => started().filter((pid) => isAlive(pid));
  const start: Trial['start'] = (script, env = {}, settings = [], signal = undefined) => {
    const file = path.join(folder, 'daemon.cjs');
    const note = `require('fs').appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');`;
    writeFileSync(file, `${note} const SOCKET = ${JSON.stringify(paths.daemonSocket)};\n${script}`);
    return ensureDaemon({ paths, env: { ...process.env, ...env }, script: file, settings, signal });
  };
  const failure = async (script: string): Promise<SandboxError> => {
    try {
      await start(script);
    } catch (error) {
      return SandboxError.from(error);
    }
    throw new Error('it started');
  };
  try {
    await body({ paths, folder, start, failure, living });
  } finally {
    for (const pid of started()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Says whose the home is, as a daemon does. */
function own(paths: HomePaths, pid: number): void {
  mkdirSync(paths.runDir, { recursive: true, mode: 0o700 });
  writeFileSync(paths.pidFile, `{"pid":${pid}}`);
}

const IDLE = 'setInterval(() => undefined, 1000);';
const LISTEN = "require('net').createServer().listen(SOCKET);";

test('a daemon that answers is used, one that does not run is started', async () => {
  await withTrial(async ({ start, folder }) => {
    await start(LISTEN);
    await start("throw new Error('a second one was started');");
    assert.is(readFileSync(path.join(folder, 'pids'), 'utf8').trim().split('\n').length, 1);
  });
});

test('a daemon that takes its time is waited for', async () => {
  await withTrial(async ({ start }) => start(`setTimeout(() => { ${LISTEN} }, 600);`));
});

test('NODE_OPTIONS of the caller do not reach the daemon', async () => {
  await withTrial(async ({ start, folder }) => {
    const seen = path.join(folder, 'seen');
    await start(`require('fs').writeFileSync('${seen}', String(process.env.NODE_OPTIONS)); ${LISTEN}`, {
      NODE_OPTIONS: '--inspect=0',
    });
    assert.is(readFileSync(seen, 'utf8'), 'undefined');
  });
});

test('settings reach the daemon on its command line', async () => {
  await withTrial(async ({ start, folder }) => {
    const seen = path.join(folder, 'seen');
    const note = `require('fs').writeFileSync('${seen}', JSON.stringify(process.argv.slice(2)));`;
    await start(`${note} ${LISTEN}`, {}, ['log.level=debug', '-x=1']);
    assert.equal(JSON.parse(readFileSync(seen, 'utf8')), ['--set=log.level=debug', '--set=-x=1']);
  });
});

test('a daemon that says why by a code fails with that code, or as one that cannot start where it says no more', async () => {
  await withTrial(async ({ failure }) => {
    for (const [said, code, exit] of [
      ['CONFIG_INVALID', 'CONFIG_INVALID', ExitCode.usage],
      ['BAD_KEY', 'DAEMON_UNREACHABLE', ExitCode.daemonUnreachable],
    ] as const) {
      const record = JSON.stringify({ level: 60, code: said, msg: 'Cannot use the key "x"' });
      const error = await failure(`console.error(${JSON.stringify(record)}); process.exit(1);`);
      assert.equal([error.code, exitCodeOf(error.code)], [code, exit]);
      assert.is(error.message, 'Cannot start the daemon: Cannot use the key "x"');
    }
  });
});

test('the reason of a daemon that fails is told: from a log record, from an uncaught error, or its exit code', async () => {
  await withTrial(async ({ failure }) => {
    const record = JSON.stringify({ level: 60, msg: 'Cannot use name = 5' });
    const logged = await failure(`console.error(${JSON.stringify(record)}); process.exit(1);`);
    assert.is(logged.code, 'DAEMON_UNREACHABLE');
    assert.match(logged.message, 'Cannot start the daemon: Cannot use name = 5');
    assert.match(logged.hint ?? '', 'daemon.log');
    const thrown = await failure("throw new Error('no key file');");
    assert.match(thrown.message, 'no key file');
    const silent = await failure('process.exit(3);');
    assert.match(silent.message, 'it ended at once (exit code 3)');
  });
});

test('a daemon that ends without a word on a full disk: that is the reason', async () => {
  const { statfs } = promises;
  promises.statfs = (async () => ({ bavail: 0 })) as unknown as typeof statfs;
  syncBuiltinESMExports();
  try {
    await withTrial(async ({ failure, paths }) => {
      const { message } = await failure('process.exit(1);');
      assert.match(message, `there is no room left on the disk of "${paths.dataDir}"`);
    });
  } finally {
    promises.statfs = statfs;
    syncBuiltinESMExports();
  }
});

test('an old failure in the log is not taken for the new one', async () => {
  await withTrial(async ({ failure }) => {
    await failure("throw new Error('yesterday');");
    assert.not.match((await failure('process.exit(3);')).message, 'yesterday');
  });
});

test('when another daemon holds the lock, that one is waited for', async () => {
  await withTrial(async ({ start, paths }) => {
    const other = import('node:net').then(({ createServer }) => {
      const server = createServer((socket) => socket.destroy());
      setTimeout(() => server.listen(paths.daemonSocket), 400);
      return server;
    });
    const held = JSON.stringify({ level: 60, code: 'DAEMON_RUNNING', msg: 'Another daemon serves this home' });
    await start(`console.error(${JSON.stringify(held)}); process.exit(1);`);
    (await other).close();
  });
});

test('when the daemon that holds the lock was only stopping, the next attempt starts one', async () => {
  await withTrial(async ({ start, folder }) => {
    const held = JSON.stringify({ level: 60, code: 'DAEMON_RUNNING', msg: 'Another daemon serves this home' });
    const count = `require('fs').readFileSync('${path.join(folder, 'pids')}', 'utf8').trim().split('\\n').length`;
    await start(`if (${count} < 3) { console.error(${JSON.stringify(held)}); process.exit(1); } ${LISTEN}`);
  });
});

test('a daemon that another one was faster than does not come after it', async () => {
  await withTrial(async ({ start, paths, living }) => {
    own(paths, process.pid);
    const server = createServer((socket) => socket.destroy());
    const slow = start(IDLE);
    await until(() => living().length === 1);
    server.listen(paths.daemonSocket);
    await slow;
    await until(() => living().length === 0);
    server.close();
  });
});

test('a daemon that nobody waits for any more is ended as long as the home is not its own', async () => {
  await withTrial(async ({ start, paths, folder, living }) => {
    const answer = path.join(folder, 'answer');
    const answering = `process.on('SIGUSR2', () => require('fs').writeFileSync('${answer}', '')); ${IDLE}`;
    for (const isOwn of [false, true]) {
      own(paths, process.pid);
      const waiting = new AbortController();
      const given = start(answering, {}, [], waiting.signal).catch(SandboxError.from);
      await until(() => living().length === 1);
      const [pid = 0] = living();
      if (isOwn) own(paths, pid);
      waiting.abort(new SandboxError('CANCELLED', 'Enough'));
      assert.is((await given)?.code, 'CANCELLED');
      if (!isOwn) await until(() => !isAlive(pid));
      else await until(() => existsSync(answer) || !process.kill(pid, 'SIGUSR2'));
    }
  });
});

test('a bundle that is not there is told with what to do', async () => {
  await withTrial(async ({ paths }) => {
    const error = await ensureDaemon({ paths, env: {}, script: '/nowhere/daemon.js' }).catch(SandboxError.from);
    assert.match(error?.message ?? '', '"/nowhere/daemon.js" does not exist');
    assert.match(error?.hint ?? '', 'npm run build');
  });
});

test('a home that cannot be written is told as such, to root as well', async () => {
  const paths = homePaths({ env: { SANDMESH_HOME: '/proc/self/h' }, platform: 'linux', homedir: homedir() });
  const error = await ensureDaemon({ paths, env: {}, script: '/nowhere/daemon.js' }).catch(SandboxError.from);
  assert.is(error?.code, 'HOME_UNWRITABLE');
  assert.match(error?.hint ?? '', 'SANDMESH_HOME');
});

test('a file in the way of the home is told as such', async () => {
  await withTrial(async ({ folder, failure }) => {
    writeFileSync(path.join(folder, 'h'), '');
    const error = await failure(LISTEN);
    assert.is(error.code, 'HOME_UNWRITABLE');
    assert.match(error.message, 'something that is no folder is in the way');
  });
});

test('a socket that nobody serves any more counts as no daemon', async () => {
  await withTrial(async ({ start, paths }) => {
    mkdirSync(paths.runDir, { recursive: true });
    writeFileSync(paths.daemonSocket, '');
    await start(`require('fs').unlinkSync(SOCKET); ${LISTEN}`);
    await until(() => existsSync(paths.daemonSocket));
  });
});

test('the log is read from its end: the last error record, else the last error, else the last line', () => {
  const info = JSON.stringify({ level: 30, msg: 'ready' });
  const fatal = JSON.stringify({ level: 60, msg: 'x', err: { message: 'disk full' } });
  assert.equal(failureIn(`${info}\n${fatal}\n`), { text: 'disk full', lockHeld: false });
  assert.is(failureIn('file.js:1\n\nTypeError [X]: no\n    at f (a.js:1:1)\n\nNode.js v20.1.0\n')?.text, 'no');
  assert.is(failureIn(`${info}\nSegmentation fault\n`)?.text, 'Segmentation fault');
  assert.is(failureIn(`${info}\n{"level":60,"ms`), undefined);
  assert.is(failureIn(''), undefined);
});

test.run();
