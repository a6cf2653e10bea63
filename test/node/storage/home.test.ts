import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureHome, type Home, locateHome, lockHome } from '#node/storage/home.ts';
import { unless } from '../../skip.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const mode = (path: string): number => statSync(path).mode & 0o777;

function withHome(use: (home: Home, root: string) => unknown): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      const root = join(folder, 'home');
      await use(locateHome({ SANDMESH_HOME: root }), root);
    });
}

async function withChild(root: string, use: (child: ChildProcess) => Promise<void>): Promise<void> {
  const program = join(import.meta.dirname, 'agents/lock-and-wait.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, SANDMESH_HOME: root },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [text] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    assert.is(text.toString(), 'locked\n');
    await use(child);
  } finally {
    await kill(child);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

test(
  'SANDMESH_HOME holds everything, in folders of the user alone',
  withHome((home, root) => {
    const previous = process.umask(0);
    try {
      ensureHome(home);
      ensureHome(home);
    } finally {
      process.umask(previous);
    }
    for (const folder of [root, home.configDir, home.dataDir, home.keysDir, home.runDir, home.sandboxesDir]) {
      assert.ok(folder.startsWith(root), folder);
      assert.is(mode(folder), 0o700, folder);
    }
  }),
);

test(
  'keys or sockets that others could reach are refused, with the command that mends it',
  withHome(async (home) => {
    ensureHome(home);
    for (const folder of [home.keysDir, home.runDir]) {
      for (const open of [0o750, 0o705, 0o711, 0o777]) {
        await chmod(folder, open);
        const error = await failure(() => ensureHome(home));
        assert.is(error.code, 'HOME_UNWRITABLE');
        assert.match(error.message, `"${folder}": its mode is ${open.toString(8)}`);
        assert.match(error.hint ?? '', `chmod 700 "${folder}"`);
      }
      await chmod(folder, 0o700);
    }
    ensureHome(home);
  }),
);

test(
  'a home whose folders every user may replace is refused; a sticky one, and that of a group, are not',
  withHome(async (home, root) => {
    ensureHome(home);
    for (const folder of [root, home.configDir, home.dataDir, home.sandboxesDir]) {
      for (const open of [0o777, 0o702]) {
        await chmod(folder, open);
        const error = await failure(() => ensureHome(home));
        assert.is(error.code, 'HOME_UNWRITABLE');
        assert.match(error.message, `below "${folder}": every user may replace them`);
        assert.match(error.hint ?? '', `chmod o-w "${folder}"`);
      }
      for (const fine of [0o1777, 0o775, 0o700]) {
        await chmod(folder, fine);
        ensureHome(home);
      }
    }
  }),
);

unless(
  test,
  process.getuid?.() === 0 ? undefined : 'only root can give a folder away',
  'a keys folder of another user is refused',
  withHome(async (home) => {
    ensureHome(home);
    await chown(home.keysDir, 12_345, 12_345);
    assert.match((await failure(() => ensureHome(home))).message, 'belongs to another user');
  }),
);

test('a file where the home should be, or on the way there, is named', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    for (const root of [file, join(file, 'deeper')]) {
      const error = await failure(() => ensureHome(locateHome({ SANDMESH_HOME: root })));
      assert.is(error.code, 'HOME_UNWRITABLE');
      assert.match(error.message, `"${join(root, 'config')}"`);
      assert.match(error.hint ?? '', 'SANDMESH_HOME');
    }
    assert.is(readFileSync(file, 'utf8'), '');
  }));

unless(
  test,
  existsSync('/proc/self') ? undefined : 'this system has no /proc',
  'a home that cannot be written to says so, to root as well',
  async () => {
    const error = await failure(() => ensureHome(locateHome({ SANDMESH_HOME: '/proc/sandmesh' })));
    assert.is(error.code, 'HOME_UNWRITABLE');
    assert.match(error.message, 'Cannot write to "/proc/sandmesh/config"');
  },
);

test(
  'the lock leaves a pid file, gives the home free once, and can be taken again at once',
  withHome(async (home) => {
    ensureHome(home);
    const pidFile = join(home.runDir, 'daemon.pid');
    const first = await lockHome(home);
    assert.equal(JSON.parse(readFileSync(pidFile, 'utf8')), { pid: process.pid });
    assert.is(mode(pidFile), 0o600);
    first.release();
    assert.not(existsSync(pidFile));
    const second = await lockHome(home);
    first.release();
    assert.ok(existsSync(pidFile), 'a late second release took away the next daemon’s file');
    second.release();
  }),
);

test(
  'a pid file that cannot be written gives the lock back',
  withHome(async (home) => {
    ensureHome(home);
    const pidFile = join(home.runDir, 'daemon.pid');
    await mkdir(join(pidFile, 'in-the-way'), { recursive: true });
    assert.is((await failure(() => lockHome(home))).code, 'HOME_UNWRITABLE');
    assert.is((await failure(() => lockHome(home))).code, 'HOME_UNWRITABLE', 'the lock was kept');
  }),
);

test(
  'a second daemon on one home is refused, and told the first one’s pid',
  withHome(async (home, root) => {
    await withChild(root, async (child) => {
      const error = await failure(() => lockHome(home));
      assert.is(error.code, 'DAEMON_RUNNING');
      assert.match(error.message, `(pid ${child.pid})`);
      assert.match(error.message, `"${home.dataDir}"`);
    });
  }),
);

test(
  'two homes do not hinder each other',
  withHome(async (home, root) => {
    const other = locateHome({ SANDMESH_HOME: `${root}-2` });
    for (const each of [home, other]) ensureHome(each);
    const locks = [await lockHome(home), await lockHome(other)];
    for (const lock of locks) lock.release();
  }),
);

test(
  'a daemon that was killed leaves no lock, only a pid file that means nothing',
  withHome(async (home, root) => {
    await withChild(root, async (child) => {
      await kill(child);
      assert.ok(existsSync(join(home.runDir, 'daemon.pid')));
      const lock = await lockHome(home);
      assert.equal(JSON.parse(readFileSync(join(home.runDir, 'daemon.pid'), 'utf8')), { pid: process.pid });
      lock.release();
    });
  }),
);

test(
  'a pid file with nonsense, or with the pid of some living process, blocks nobody',
  withHome(async (home) => {
    ensureHome(home);
    for (const text of ['', '{"pid":', '{"pid":"x"}', '[]', 'null', JSON.stringify({ pid: process.ppid })]) {
      await writeFile(join(home.runDir, 'daemon.pid'), text);
      if (process.platform !== 'linux' && text.includes(String(process.ppid))) continue;
      (await lockHome(home)).release();
    }
  }),
);

unless(
  test,
  process.platform === 'linux' ? undefined : 'only Linux has abstract sockets',
  'a stranger that knocks at the lock gets nothing and does no harm',
  withHome(async (home) => {
    ensureHome(home);
    const lock = await lockHome(home);
    const { dev, ino } = statSync(home.dataDir, { bigint: true });
    for (let i = 0; i < 20; i++) {
      const socket = connect(`\0sandmesh-${dev.toString(16)}-${ino.toString(16)}`);
      // A refusal as well as an early end is fine.
      socket.on('error', () => undefined);
      await once(socket, 'close');
    }
    assert.is((await failure(() => lockHome(home))).code, 'DAEMON_RUNNING');
    lock.release();
  }),
);

test.run();
