import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SocketFile } from '#node/storage/socket-file.ts';
import { SandboxError } from '#shared/errors.ts';
import { unless } from '../../skip.ts';
import { withFolder } from '../temporary-folder.ts';

const onWindows = process.platform === 'win32' ? 'a named pipe is no file' : undefined;

/** A server that is closed whatever happens: an open one would keep this file running. */
async function withServers(use: (first: Server, second: Server) => Promise<void>): Promise<void> {
  const servers = [createServer((socket) => socket.destroy()), createServer((socket) => socket.destroy())] as const;
  try {
    await use(...servers);
  } finally {
    for (const server of servers) server.close();
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

unless(test, onWindows, 'a socket lies in its place whole, for its owner alone, whatever lay there before', () =>
  withFolder((folder) =>
    withServers(async (server) => {
      const path = join(folder, 'daemon.sock');
      writeFileSync(path, 'left by another');
      const file = await SocketFile.listen(server, path);
      assert.equal(readdirSync(folder), ['daemon.sock']);
      assert.is(statSync(path).mode & 0o777, 0o600);
      assert.ok(await answers(path));
      assert.ok(file.isInPlace());
      file.remove();
      file.remove();
      assert.not(existsSync(path));
      assert.not(file.isInPlace());
    }),
  ),
);

unless(test, onWindows, 'one that was replaced belongs to another: neither closing nor removing touches it', () =>
  withFolder((folder) =>
    withServers(async (first, second) => {
      const path = join(folder, 'daemon.sock');
      const old = await SocketFile.listen(first, path);
      rmSync(path);
      const current = await SocketFile.listen(second, path);
      assert.not(old.isInPlace());
      old.remove();
      await new Promise((resolve) => first.close(resolve));
      assert.ok(current.isInPlace());
      assert.ok(await answers(path));
    }),
  ),
);

unless(test, onWindows, 'a place that cannot be taken is an error, and nothing is left listening', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'daemon.sock');
    mkdirSync(path);
    const server = createServer();
    const error = await SocketFile.listen(server, path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.is(error instanceof SandboxError && error.code, 'HOME_UNWRITABLE');
    assert.not(server.listening);
  }),
);

test.run();
