/**
 * One lock per machine. `process._debugProcess` always opens port 9229, so two daemons (or two users) that attach at
 * the same moment would find each other's program. A listening socket is the lock: the system frees it with its owner.
 */

import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SandboxError } from '#shared/errors.ts';

const WAIT_LIMIT_MS = 5_000;
const POLL_MS = 20;

function lockAddress(name: string): string {
  // an abstract socket lives in the network namespace, exactly like the port it guards
  if (process.platform === 'linux') return `\0sandmesh-${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\sandmesh-${name}`;
  return path.join(tmpdir(), `sandmesh-${name}.lock`);
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else
        reject(
          new SandboxError('INTERNAL', `Cannot take the machine's attach lock: ${error.message}`, { cause: error }),
        );
    });
    server.listen(address, () => resolve(server));
  });
}

/** A socket file outlives its owner where sockets are files. */
async function removeIfStale(address: string): Promise<void> {
  if (process.platform === 'linux' || process.platform === 'win32') return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (!isAlive) rmSync(address, { force: true });
}

/**
 * Runs `work` while no other sandmesh process on this machine runs any under the same name.
 *
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE when the lock was not free within 5 s; what `work` throws
 */
export async function withHostLock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const address = lockAddress(name);
  const giveUpAt = performance.now() + WAIT_LIMIT_MS;
  let server = await listen(address);
  while (server === undefined) {
    signal?.throwIfAborted();
    if (performance.now() > giveUpAt) {
      throw new SandboxError(
        'INSPECTOR_UNAVAILABLE',
        'Cannot attach now: another sandmesh on this machine is attaching',
        {
          hint: 'Try again in a moment.',
        },
      );
    }
    await removeIfStale(address);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    server = await listen(address);
  }
  try {
    return await work();
  } finally {
    const held = server;
    await new Promise<void>((resolve) => held.close(() => resolve()));
  }
}
