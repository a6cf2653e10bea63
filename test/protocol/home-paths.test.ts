import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { homePaths } from '#protocol/home-paths.ts';
import { SandboxError } from '#shared/errors.ts';

const linux = (env: Record<string, string>) => homePaths({ env, platform: 'linux', homedir: '/home/ada' });

test('SANDMESH_HOME moves everything', () => {
  const paths = linux({ SANDMESH_HOME: '/tmp/h/', XDG_RUNTIME_DIR: '/run/user/1' });
  for (const path of Object.values(paths)) assert.ok(path.startsWith('/tmp/h/'), path);
  assert.is(paths.daemonSocket, '/tmp/h/run/daemon.sock');
});

test('the XDG folders are used, and their defaults without them', () => {
  const xdg = linux({ XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_RUNTIME_DIR: '/r' });
  assert.is(xdg.configFile, '/c/sandmesh/config.json');
  assert.is(xdg.keysDir, '/d/sandmesh/keys');
  assert.is(xdg.targetsSocket, '/r/sandmesh/targets.sock');
  const plain = linux({});
  assert.is(plain.configFile, '/home/ada/.config/sandmesh/config.json');
  assert.is(plain.runDir, '/home/ada/.local/share/sandmesh/run');
});

test('a relative XDG folder is ignored, a relative SANDMESH_HOME refused', () => {
  assert.is(linux({ XDG_DATA_HOME: 'data' }).dataDir, '/home/ada/.local/share/sandmesh');
  assert.throws(
    () => linux({ SANDMESH_HOME: 'here' }),
    (error: unknown) => error instanceof SandboxError && error.code === 'CONFIG_INVALID',
  );
});

test('a socket path longer than the system takes is refused, counted in bytes', () => {
  const tooLong = (name: string): boolean => {
    try {
      linux({ SANDMESH_HOME: `/tmp/${name}` });
      return false;
    } catch (error) {
      return error instanceof SandboxError && /bytes long/.test(error.message);
    }
  };
  // "/tmp/" + name + "/run/targets.sock" = 103 bytes
  assert.not(tooLong('x'.repeat(81)));
  assert.ok(tooLong('x'.repeat(82)));
  assert.ok(tooLong('é'.repeat(41)));
});

test('on Windows the sockets are named pipes of their own per home', () => {
  const windows = (home: string) =>
    homePaths({ env: { SANDMESH_HOME: home }, platform: 'win32', homedir: 'C:\\Users\\ada' });
  assert.match(windows('C:\\one').daemonSocket, /^\\\\\.\\pipe\\sandmesh-[0-9a-f]{16}-daemon$/);
  assert.is.not(windows('C:\\one').daemonSocket, windows('C:\\two').daemonSocket);
  assert.is(windows('C:\\one').daemonSocket, windows('c:\\ONE').daemonSocket);
});

test.run();
