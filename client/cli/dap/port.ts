/**
 * A loopback port for debug clients that connect instead of starting an adapter. Other users of this machine reach
 * loopback too: whoever connects must be this user, which the system tells, or, where it does not, is not let in.
 */

import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { userOfConnection } from '#protocol/tcp-table.ts';
import { SandboxError } from '#shared/errors.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { type BridgeOptions, carry, connectBridge } from './bridge.ts';

const HOST = '127.0.0.1';

/**
 * Listens until Ctrl-C.
 *
 * @param port 0: any; the line on stdout says which
 * @throws {SandboxError} BAD_ARGUMENT when it cannot listen there, or cannot tell users apart
 */
export async function listenForClients(context: CliContext, port: number, bridge: BridgeOptions): Promise<number> {
  if (process.platform !== 'linux') {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot open a port: this system does not tell whose a connection is', {
      hint: 'Let the editor start "sandmesh dap" itself, over stdio.',
    });
  }
  const { signal, output } = context;
  await bridge.ready();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A reset by the client is its way of leaving.
    socket.on('error', () => undefined);
    if (!isOwn(socket)) {
      output.note('sandmesh: refused a debug client of another user');
      return void socket.destroy();
    }
    serve(socket, bridge).catch((error: unknown) => {
      output.error(SandboxError.from(error));
      socket.destroy();
    });
  });
  const actual = await listen(server, port);
  output.result({ host: HOST, port: actual }, () => `Debug clients connect to ${HOST}:${actual}; Ctrl-C ends it.`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return ExitCode.ok;
}

async function serve(socket: Socket, bridge: BridgeOptions): Promise<void> {
  const daemon = await connectBridge(bridge);
  carry(socket, socket, daemon);
  daemon.once('close', () => socket.destroySoon());
  socket.once('close', () => daemon.destroy());
}

/** Whether the other end of a loopback connection is a process of this user; Linux only. */
export function isOwn(socket: Socket): boolean {
  const { remotePort, localPort, remoteAddress } = socket;
  if (remotePort === undefined || localPort === undefined || remoteAddress !== HOST) return false;
  const ends = { from: { address: HOST, port: remotePort }, to: { address: HOST, port: localPort } };
  return userOfConnection(readFileSync('/proc/net/tcp', 'latin1'), ends) === process.getuid?.();
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new SandboxError('BAD_ARGUMENT', `Cannot listen on ${HOST}:${port}: ${cause.message}`, { cause }));
    });
    server.listen(port, HOST, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('A TCP server has no port');
  return address.port;
}
